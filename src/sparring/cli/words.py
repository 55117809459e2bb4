"""From words on the command line to values, where cyclopts' own reading is too kind."""

from collections.abc import Sequence
from typing import Any

from cyclopts import Token


def whole(type_: Any, tokens: Sequence[Token]) -> int:
    """A whole number; 1.5 is none, and is not rounded.

    Raises:
        ValueError: the word is not a whole number.
    """
    return int(tokens[0].value)
