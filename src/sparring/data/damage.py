"""Damaged and hostile files: what a parser trips over becomes one sentence or one skipped item."""

import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparring.data.clean import Unreadable
from sparring.errors import DataError

MAX_BYTES = 2**28
MAX_RATIO = 200
RATIO_FREE_BYTES = 2**24
MAX_UNPACKED = 2**30
ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others unpack more at once than a member claims to hold
_CUT_SHORT = (EOFError, struct.error)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the parsers' warnings about damaged files from the user; entered once, outside of any threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def whole(path: Path | str, form: str) -> Iterator[None]:
    """Turn whatever a parser raises about a whole file into one DataError.

    Args:
        path: of the file.
        form: what it must be, such as "a zip file".

    Raises:
        DataError: "<path>: the file must be <form> that can be read. Got <fault>."
    """
    try:
        with quiet():
            yield
    except DataError:
        raise
    except Exception as error:  # on damaged bytes parsers raise whatever they trip over
        raise DataError(f"{path}: the file must be {form} that can be read. Got: {in_words(error)}.") from error


@contextmanager
def one_member() -> Iterator[None]:
    """Turn whatever a parser raises about one item among others into an Unreadable.

    Raises:
        Unreadable: "truncated" where the bytes end too early, else "corrupt".
    """
    try:
        yield
    except Unreadable:
        raise
    except Exception as error:  # on damaged bytes parsers raise whatever they trip over
        cut_short = isinstance(error, _CUT_SHORT) or "truncated" in str(error).lower()
        raise Unreadable("truncated" if cut_short else "corrupt", in_words(error)) from error


def in_words(error: Exception) -> str:
    """The first line of an error's text, or its kind where it has none."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.strip().split("\n")[0].rstrip(".:") or type(error).__name__


def is_bomb(packed: int, unpacked: int, allowance: int = RATIO_FREE_BYTES) -> bool:
    """Whether so few bytes unpack to so many that only malice explains it.

    Args:
        packed: size of the compressed bytes.
        unpacked: size that they claim to unpack to.
        allowance: size in bytes that is harmless at any ratio.
    """
    return unpacked > allowance and unpacked > MAX_RATIO * max(packed, 1)
