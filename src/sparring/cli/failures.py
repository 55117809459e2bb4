"""What went wrong, in one sentence on stderr; a traceback only where the fault is Sparring's own."""

import errno
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cyclopts import CycloptsError, MissingArgumentError, UnknownCommandError, UnusedCliTokensError

from sparring.errors import SparringError, SparringWarning

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
# numpy says only this where an array did not fit; safetensors puts the errno into its text.
CUT_SHORT = re.compile(r"\d+ requested and \d+ written")
ERRNO_IN_TEXT = re.compile(r"\(os error (\d+)\)")
NO_MEMORY = re.compile(r"can't allocate memory|out of memory")  # as torch says it, of processor and GPU
EXCLUSIVE = re.compile(r"Mutually exclusive arguments: \{(.*)\}")
NO_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
WRONG_PATH = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP)


class Stopped(Exception):
    """The user interrupted a command that can be taken up again; the text says how."""


def handle(error: BaseException) -> int:
    """Tell the user about an error.

    Args:
        error: what ended the command.

    Returns:
        The exit status: 130 for an interruption, else 1.
    """
    sentence = explain(error)
    if sentence is None or os.environ.get("SPARRING_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
    print(f"sparring: {sentence or _bug(error)}", file=sys.stderr)
    return 130 if isinstance(error, (KeyboardInterrupt, Stopped)) else 1


@contextmanager
def plain_warnings() -> Iterator[None]:
    """While entered, Sparring's own warnings are sentences on stderr, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", SparringWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *others: Any, **options: Any) -> None:
            if issubclass(category, SparringWarning):
                print(f"sparring: {message}", file=sys.stderr)
            else:
                usual(message, category, *others, **options)

        warnings.showwarning = show
        yield


def explain(error: BaseException) -> str | None:
    """The sentence for an error that is not a fault of Sparring's own; None for one that is."""
    if isinstance(error, CycloptsError):
        return _misuse(error)
    if isinstance(error, (SparringError, Stopped)):
        return _one_line(str(error))
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted."
    if isinstance(error, BrokenPipeError):
        return "The reader of the output went away."
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and NO_MEMORY.search(str(error))):
        return "This needs more memory than there is. Ask for fewer items, or a smaller batch or width."
    return _outside_world(error)


def _outside_world(error: BaseException) -> str | None:
    """The sentence for what the disk or its permissions refused; None for everything else."""
    number = _errno(error)
    where = f" Path: {error.filename}." if isinstance(error, OSError) and error.filename else ""
    if number in DISK_FULL:
        again = "Free some space and try again; `sparring resume RUN` goes on with a training that had begun."
        return f"The disk is full.{where} {again}"
    if number in NO_PERMISSION:
        return f"There is no permission to do this.{where} Choose another folder, or change its rights."
    if number in WRONG_PATH and where:
        return f"{os.strerror(number)}.{where}"
    return None


def _errno(error: BaseException) -> int:
    """The number of the operating system's complaint; 0 where it is none."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    if isinstance(error, OSError) and CUT_SHORT.search(str(error)):
        return errno.ENOSPC
    found = ERRNO_IN_TEXT.search(str(error))
    return int(found.group(1)) if found else 0


def _misuse(error: CycloptsError) -> str:
    """The sentence for words on the command line that do not fit the command."""
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"Unexpected words: {' '.join(error.unused_tokens)}. `sparring --help` lists what fits."
    if isinstance(error, UnknownCommandError) and str(error).startswith('Unknown command "-'):
        return _one_line(str(error)).replace("Unknown command", "Unknown option", 1)
    if isinstance(error, MissingArgumentError) and error.argument and not (error.keyword or error.argument.tokens):
        words = " ".join(("sparring", *(error.command_chain or ())))
        return f"`{words}` needs {error.argument.name}. `{words} --help` says what it is."
    exclusive = EXCLUSIVE.search(str(error))
    if exclusive:
        return f"Only one of {exclusive.group(1)} can be given. Keep one."
    return _one_line(str(error)).replace('Command "', '"', 1)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _bug(error: BaseException) -> str:
    kind = type(error).__name__
    return f"This is a fault in Sparring ({kind}), not in what you asked. Please report it with the lines above."


def _silence_stdout() -> None:
    """Point stdout at nothing, so that Python's flush at exit does not fail on the closed pipe again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
