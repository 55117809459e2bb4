"""Items into files; the suffix of OUT picks the form, and what is written is complete or not there."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sparring.atomic import replacing
from sparring.data.pictures import display_range, save_grid
from sparring.data.source import Spec, own_form
from sparring.errors import UsageError, rule

MAX_CELLS, CSV_ROWS = 1024, 4096
PNG_CHANNELS = (1, 3, 4)
VECTOR_SUFFIXES = (".npz", ".npy", ".csv", ".parquet")


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        path: the file or folder.
        form: in words, such as "a folder of 64 PNG".
        note: what the form could not keep, in a sentence; empty where it kept everything.
    """

    path: Path
    form: str
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The same, with the path as text."""
        return {**asdict(self), "path": str(self.path)}


def write_items(rows: np.ndarray, spec: Spec, out: Path, name: str = "samples") -> Written:
    """Write items in the form that the suffix of `out` picks.

    Args:
        rows: (n, *spec.shape), in the data's own dtype and units, channels last.
        spec: the form of an item.
        out: `.npz` (one array, under `name`), `.npy`, `.csv` (vectors), `.png` (one picture of all), or no
            suffix: a folder with a PNG per image. Parent folders are made.
        name: of the array in an npz, and the first part of the file names in a folder.

    Returns:
        What was written, with a note where the form could not keep the values exactly.

    Raises:
        UsageError: the suffix is unknown, or its form cannot hold such items, or `out` is already a folder
            with something in it.
    """
    require_items(spec, len(rows), out)
    out.parent.mkdir(parents=True, exist_ok=True)
    return WRITERS[out.suffix.lower()](rows, spec, out, name)


def require_items(spec: Spec, count: int, out: Path) -> None:
    """Refuse a path that `write_items` cannot write to, before anything is made.

    Raises:
        UsageError: the suffix is unknown, or its form cannot hold such items or so many, or `out` is in the way.
    """
    if out.name in ("", ".."):
        raise UsageError(rule("OUT", "a file, or a folder that can be made anew", str(out)))
    suffix = out.suffix.lower()
    if suffix not in WRITERS:
        choices = f"one of {', '.join(filter(None, WRITERS))}, or none for a folder of PNG"
        raise UsageError(rule("The suffix of OUT", choices, out.suffix))
    in_the_way = out.is_dir() if suffix else out.exists() and (not out.is_dir() or any(out.iterdir()))
    if in_the_way:
        must = "a file name" if suffix else "a new or empty folder"
        raise UsageError(rule("OUT", must, str(out), "Name another, or remove what is there."))
    if suffix == ".csv" and spec.kind != "vector":
        raise UsageError(rule("OUT", _instead("a .csv only for vectors", spec), str(out)))
    if suffix == ".png" and spec.kind != "vector" and count > MAX_CELLS:
        must = f"a .png only for {MAX_CELLS:,} items or fewer; .npz and a folder hold any number"
        raise UsageError(rule("OUT", must, f"{out} for {count:,} items"))
    if not suffix and (spec.kind != "image" or spec.shape[-1] not in PNG_CHANNELS):
        must = _instead("a folder of PNG only for images of 1, 3 or 4 channels", spec)
        raise UsageError(rule("OUT", must, str(out)))
    _require_place(out)


def write_table(names: Sequence[str], columns: Mapping[str, np.ndarray], out: Path) -> Written:
    """Write a table with a row per item: the column `item` and those of `columns`, each of shape (n,).

    Raises:
        ImportError: `out` ends in .parquet and pyarrow is not installed, which `require_vectors` finds out.
    """
    suffix = out.suffix.lower()
    out.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        with replacing(out) as partial:
            pq.write_table(pa.table({"item": list(names), **columns}), partial)
        return Written(out, "a parquet table with a row per item")
    with replacing(out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["item", *columns])
        for start in range(0, len(names), CSV_ROWS):
            part = slice(start, start + CSV_ROWS)
            writer.writerows(zip(names[part], *(column[part].tolist() for column in columns.values()), strict=True))
    return Written(out, "a csv with a row per item")


def require_vectors(out: Path) -> None:
    """Refuse a path that `write_vectors` cannot write to, before anything is computed.

    Raises:
        UsageError: the suffix is none of those, or `out` is a folder.
    """
    if out.suffix.lower() not in VECTOR_SUFFIXES or out.is_dir():
        raise UsageError(rule("OUT", f"a file that ends in one of {', '.join(VECTOR_SUFFIXES)}", str(out)))
    if out.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise UsageError("A .parquet needs the extra: pip install 'sparring[tables]'. A .csv does not.")
    _require_place(out)


def write_vectors(vectors: np.ndarray, names: Sequence[str], out: Path, name: str, letter: str) -> Written:
    """Write a vector per item, (n, dim).

    Args:
        vectors: to write.
        names: of the items.
        out: `.npz` (under `name`) or `.npy` for the array alone; `.csv` or `.parquet` for a table.
        name: of the array in an npz.
        letter: that the table's columns begin with: e0, e1, ...

    Raises:
        UsageError: the suffix is none of these, or `out` is a folder.
    """
    require_vectors(out)
    suffix = out.suffix.lower()
    if suffix in (".csv", ".parquet"):
        columns = {f"{letter}{index}": vectors[:, index] for index in range(vectors.shape[1])}
        return write_table(names, columns, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    return WRITERS[suffix](vectors, Spec("vector", vectors.shape[1:], str(vectors.dtype)), out, name)


def _write_npz(rows: np.ndarray, spec: Spec, out: Path, name: str) -> Written:
    with replacing(out) as partial, partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **{name: own_form(rows, spec)})
    return Written(out, f"an npz with the array {name!r}")


def _write_npy(rows: np.ndarray, spec: Spec, out: Path, name: str) -> Written:
    with replacing(out) as partial, partial.open("wb") as file:
        np.save(file, own_form(rows, spec), allow_pickle=False)
    return Written(out, "an npy array")


def _write_csv(rows: np.ndarray, spec: Spec, out: Path, name: str) -> Written:
    with replacing(out) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(spec.names or [f"f{index}" for index in range(spec.size)])
        for part in np.array_split(rows, len(rows) // CSV_ROWS + 1):
            cells = part.astype(str)
            writer.writerows((np.where(np.isfinite(part), cells, "") if spec.missing else cells).tolist())
    return Written(out, "a csv with a row per item")


def _write_picture(rows: np.ndarray, spec: Spec, out: Path, name: str) -> Written:
    from sparring.data.plots import MAX_POINTS

    save_grid(rows, spec, out)
    if spec.kind == "vector" and len(rows) > MAX_POINTS:
        return Written(out, f"one picture of the first {MAX_POINTS:,} of {len(rows):,} items")
    return Written(out, "one picture of all items")


def _write_folder(rows: np.ndarray, spec: Spec, out: Path, name: str) -> Written:
    pixels, note = _png_pixels(rows, spec)
    digits = max(5, len(str(len(rows) - 1)))
    with replacing(out) as partial:
        partial.mkdir()
        for index, item in enumerate(pixels):
            Image.fromarray(item).save(partial / f"{name}-{index:0{digits}d}.png")
    return Written(out, f"a folder of {len(rows):,} PNG", note)


WRITERS: dict[str, Callable[[np.ndarray, Spec, Path, str], Written]] = {
    ".npz": _write_npz,
    ".npy": _write_npy,
    ".csv": _write_csv,
    ".png": _write_picture,
    "": _write_folder,
}


def _png_pixels(rows: np.ndarray, spec: Spec) -> tuple[np.ndarray, str]:
    """Rows as PNG holds them: 1 bit, 8 bits, 16 bits grey, else scaled to 8 bits with a note that says so."""
    flat = np.ascontiguousarray(rows[..., 0] if spec.shape[-1] == 1 else rows)
    if rows.dtype == np.uint8 or (flat.ndim == 3 and rows.dtype in (np.bool_, np.uint16)):
        return flat, ""
    low, high = (0.0, 65535.0) if rows.dtype == np.uint16 else display_range(rows, spec)
    share = np.clip(np.nan_to_num((flat.astype(np.float64) - low) / (high - low)), 0, 1)
    note = f"{low:g} to {high:g} was scaled to 8 bits; OUT with .npz keeps the exact values."
    return np.rint(255 * share).astype(np.uint8), note


def _require_place(out: Path) -> None:
    """Refuse a path whose folder is no folder, or cannot be written to."""
    place = next(folder for folder in out.absolute().parents if folder.exists())
    if not place.is_dir():
        raise UsageError(rule("OUT", "in a folder", f"{out}, and {str(place)!r} is a file"))
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(rule("OUT", "in a folder that can be written to", str(out)))


def _instead(rule_text: str, spec: Spec) -> str:
    form = "x".join(map(str, spec.shape))
    return f"{rule_text}, and these are {spec.kind} items of shape {form}; .npz holds any item"
