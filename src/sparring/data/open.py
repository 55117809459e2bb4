"""Any data, by path, bundled name or array -> a Survey: read, checked and cleaned once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sparring.data import arrayfiles
from sparring.data.archives import TarBlobs, ZipBlobs
from sparring.data.arrays import survey_array
from sparring.data.blobs import FolderBlobs, printable
from sparring.data.bundled import BUNDLED
from sparring.data.imageset import survey_images
from sparring.data.parquet import ParquetBlobs, ParquetShards, choose_shards
from sparring.data.survey import Survey
from sparring.errors import DataError, did_you_mean, rule

FORMS = "a folder, zip or tar of images, .npy, .npz, idx, .parquet with an image column, or a bundled name"
TABLES = (".csv", ".tsv", ".txt", ".xls", ".xlsx")
TABLE_FIX = "Write its numbers to a .npy, such as np.save('x.npy', pd.read_csv('x.csv').to_numpy(float))."
Opener = Callable[[Path], Survey]


def survey(data: str | Path | np.ndarray, names: Sequence[str] = ()) -> Survey:
    """Read, check and clean data.

    Args:
        data: a folder, zip or tar of images, a .npy, .npz, idx(.gz) or .parquet file, the name of a bundled
            set (a path that exists goes first), or an array whose axes are as in `sparring.data.arrays`.
        names: of the columns of an array that is a table.

    Returns:
        What is there; `Survey.source` gives the items.

    Raises:
        DataError: where there is nothing to learn from: one sentence that names the path and the rule.
    """
    if isinstance(data, np.ndarray):
        return survey_array(data, "array", names=names)
    if not isinstance(data, (str, Path)) or not str(data):
        got = data if isinstance(data, str) else type(data).__name__
        raise DataError(rule("`data`", "a path, the name of a bundled set or a numpy array", got))
    path = Path(data)
    if _exists(path):
        found = _open_folder(path) if path.is_dir() else _opener(path)(path)
        return replace(found, path=printable(found.path))
    if str(data) in BUNDLED:
        return survey_array(BUNDLED[str(data)](), str(data), "bundled set", images=True)
    raise DataError(_missing(str(data)))


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        raise DataError(f"{path}: the data cannot be read: {error.strerror}.") from error
    return True


def _missing(name: str) -> str:
    if Path(name).name != name or Path(name).suffix:
        return f"{name}: the data must be {FORMS}. There is no such path."
    return f"{name}: there is no such path, and no bundled set of that name. {did_you_mean(name, BUNDLED)}"


def _opener(path: Path) -> Opener:
    if not path.is_file():
        raise DataError(f"{path}: the data must be {FORMS}. It is a pipe, a socket or a device.")
    name = path.name.lower()
    for suffixes, opener in _BY_SUFFIX.items():
        if name.endswith(suffixes):
            return opener
    return _by_content(path)


def _by_content(path: Path) -> Opener:
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error
    if arrayfiles.is_idx(path):
        return _open_idx
    if Path(path.name.lower().removesuffix(".gz")).suffix in TABLES:
        raise DataError(f"{path}: the data must be {FORMS}. Got a table as text or of a spreadsheet. {TABLE_FIX}")
    for magic, offset, opener in _BY_MAGIC:
        if start[offset : offset + len(magic)] == magic:
            return opener
    got = "an empty file" if not start else f"a {path.suffix} file" if path.suffix else "a file of another form"
    raise DataError(f"{path}: the data must be {FORMS}. Got {got}.")


def _open_npy(path: Path) -> Survey:
    return survey_array(arrayfiles.read_npy(path), str(path), ".npy array")


def _open_npz(path: Path) -> Survey:
    array, others = arrayfiles.read_npz(path)
    found = survey_array(array, str(path), ".npz array")
    return found.with_note(f"Array X alone is read; left alone: {', '.join(others)}.") if others else found


def _open_idx(path: Path) -> Survey:
    return survey_array(arrayfiles.read_idx(path), str(path), "idx file", images=True)


def _open_zip(path: Path) -> Survey:
    return survey_images(ZipBlobs(path), str(path))


def _open_tar(path: Path) -> Survey:
    return survey_images(TarBlobs(path), str(path))


def _open_parquet(path: Path) -> Survey:
    return survey_images(ParquetBlobs(path), str(path))


def _open_folder(path: Path) -> Survey:
    arrays = _idx_files(path)
    if not arrays:
        shards, note = choose_shards(path)
        found = survey_images(ParquetShards(shards) if shards else FolderBlobs(path), str(path))
        return found.with_note(note) if note else found
    chosen = next((file for file in arrays if file.name.startswith("train-images")), None)
    if chosen is None:
        names = ", ".join(file.name for file in arrays)
        raise DataError(f"{path}: a folder of idx files must hold train-images*. Got {names}. Give one of them.")
    others = ", ".join(file.name for file in arrays if file != chosen)
    note = f"Of the folder's idx files {chosen.name} is taken" + (f"; left out: {others}." if others else ".")
    return _open_idx(chosen).with_note(note)


def _idx_files(folder: Path) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if "idx" in file.name and file.is_file())
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be listed: {error.strerror}.") from error
    return [file for file in files if arrayfiles.is_idx(file)]


_BY_SUFFIX: dict[tuple[str, ...], Opener] = {
    (".npy",): _open_npy,
    (".npz",): _open_npz,
    (".zip",): _open_zip,
    (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz"): _open_tar,
    (".parquet",): _open_parquet,
    (".idx", ".idx.gz", "ubyte", "ubyte.gz"): _open_idx,
}
_BY_MAGIC: tuple[tuple[bytes, int, Opener], ...] = (
    (b"\x93NUMPY", 0, _open_npy),
    (b"PK\x03\x04", 0, _open_zip),
    (b"PAR1", 0, _open_parquet),
    (b"ustar", 257, _open_tar),
    (b"\x1f\x8b", 0, _open_tar),
    (b"BZh", 0, _open_tar),
    (b"\xfd7zXZ", 0, _open_tar),
)
