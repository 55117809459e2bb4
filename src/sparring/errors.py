"""One base error, its few kinds, and the helpers that word them: rule, what came, likely fix."""

import difflib
from collections.abc import Iterable


class SparringError(Exception):
    """Base of every error that Sparring raises on purpose; its text is one sentence for the user."""


class SparringWarning(UserWarning):
    """Something that went on in another way than was asked, in a sentence."""


class UsageError(SparringError, ValueError):
    """An argument, option or configuration value breaks its rule."""


class DataError(SparringError, ValueError):
    """The data cannot be read, or cannot be learned from."""


class RunError(SparringError, ValueError):
    """A run folder is missing, damaged, or of another version."""


def rule(what: str, must: str, got: object, fix: str = "") -> str:
    """Word a broken rule.

    Args:
        what: the thing that breaks the rule, such as "`minutes` of `train`".
        must: the rule, completing "must be ...".
        got: the value that came.
        fix: the likely fix, a full sentence, or nothing.

    Returns:
        "<what> must be <must>. Got <got>. <fix>"
    """
    return f"{what} must be {must}. Got {got!r}.{' ' + fix if fix else ''}"


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Suggest the nearest of `choices` to `name`, or list them all where none is near."""
    known = sorted(choices)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"The choices are {', '.join(known)}."
