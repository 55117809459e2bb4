"""What cleaning did to the data: each item left out, by name and reason. Nothing is dropped silently."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

DIGEST = np.dtype([("high", "<u8"), ("low", "<u8")])


class Unreadable(Exception):
    """One item cannot be read; it becomes a `Skipped` and the others go on.

    Args:
        reason: the kind of fault, such as "corrupt" or "empty".
        detail: what was found, in words.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item that cannot be learned from.

    Attributes:
        name: of the item, as the data calls it.
        reason: the kind of fault, such as "corrupt"; `Cleaning.counts` counts by it.
        detail: what was found, in words.
    """

    name: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An item that equals an earlier one to the last byte.

    Attributes:
        name: of the item that training leaves out.
        of: name of the equal item that training keeps.
    """

    name: str
    of: str


@dataclass(frozen=True)
class Cleaning:
    """The account of one data set: `found = kept + len(skipped) + len(duplicates)`.

    Attributes:
        found: items (or files) that were looked at.
        kept: items that training sees.
        skipped: those that cannot be learned from.
        duplicates: those that equal a kept one.
        notes: what else was noticed or decided, in sentences.
        kept_duplicates: how many of the kept ones equal an earlier one: rows of tables and series carry weight.
    """

    found: int
    kept: int
    skipped: tuple[Skipped, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    notes: tuple[str, ...] = ()
    kept_duplicates: int = 0

    def counts(self) -> dict[str, int]:
        """Number of skipped items by reason, the most frequent first."""
        return dict(Counter(item.reason for item in self.skipped).most_common())

    def summary(self) -> str:
        """Found, kept and left out in one phrase."""
        reasons = [f"{count} {reason}" for reason, count in self.counts().items()]
        reasons += [f"{len(self.duplicates)} duplicate"] if self.duplicates else []
        left_out = f" ({', '.join(reasons)})" if reasons else ""
        return f"{self.found} found, {self.kept} usable{left_out}"

    def example(self) -> str:
        """The first skipped item in words; empty where there is none."""
        return "; the first is {0.name!r}: {0.reason}, {0.detail}".format(self.skipped[0]) if self.skipped else ""

    def to_json(self) -> dict[str, Any]:
        """The whole account as JSON values."""
        return {**asdict(self), "counts": self.counts()}


def digest(content: bytes | memoryview) -> bytes:
    """The 16 bytes by which items are told apart."""
    return hashlib.blake2b(content, digest_size=16).digest()


def pack(digests: Iterable[bytes]) -> np.ndarray:
    """Digests as one array, 16 bytes each."""
    return np.frombuffer(b"".join(digests), dtype=DIGEST)


def first_equals(digests: np.ndarray) -> np.ndarray:
    """For each packed digest, the index of the first one that equals it (its own where it is new)."""
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return first[inverse]


def fingerprint(form: str, digests: np.ndarray) -> str:
    """The content that training depends on as 32 hex digits.

    Args:
        form: what else tells two sets apart (shape, dtype), as text.
        digests: of the kept items, in order, packed.
    """
    return hashlib.blake2b(form.encode() + digests.tobytes(), digest_size=16).hexdigest()
