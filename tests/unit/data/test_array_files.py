""".npy, .npz and idx: read back what was written; lies in a header cost no memory and one sentence."""

import gzip
import zipfile

import numpy as np
import pytest

from sparring.data import arrayfiles, survey
from sparring.errors import DataError


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 255, (20, 9, 11)).astype(np.uint8)


def read(path) -> np.ndarray:
    found = survey(path)
    return found.source().rows(np.arange(len(found.source())))


def test_npy_is_memory_mapped(grey, tmp_path):
    np.save(tmp_path / "a.npy", grey)
    np.testing.assert_array_equal(read(tmp_path / "a.npy")[..., 0], grey)
    assert isinstance(arrayfiles.read_npy(tmp_path / "a.npy"), np.memmap)


def test_fortran_order_npy_reads_the_same(grey, tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(grey))
    np.testing.assert_array_equal(read(tmp_path / "a.npy")[..., 0], grey)


def test_npz_takes_x_or_the_only_array(grey, tmp_path):
    np.savez(tmp_path / "both.npz", X=grey, y=np.zeros(20))
    np.savez_compressed(tmp_path / "one.npz", samples=grey)
    for name in ("both.npz", "one.npz"):
        np.testing.assert_array_equal(read(tmp_path / name)[..., 0], grey)
    assert "Array X alone is read; left alone: y." in survey(tmp_path / "both.npz").cleaning.notes


def test_npz_with_several_arrays_names_them(grey, tmp_path):
    np.savez(tmp_path / "a.npz", train=grey, test=grey)
    with pytest.raises(DataError, match=r"an array named 'X', or a single one\. Got 'test', 'train'"):
        survey(tmp_path / "a.npz")


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_pickled_objects_are_never_loaded(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    objects = np.array([[{}, 1]], object)
    np.save(path, objects) if suffix == "npy" else np.savez(path, X=objects)
    with pytest.raises(DataError, match="Python objects, which are never loaded"):
        survey(path)


@pytest.mark.parametrize("dimension", [10**7, 2**40])
def test_header_that_claims_too_much_is_refused(tmp_path, dimension):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (dimension, 100)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(800))
    with pytest.raises(DataError, match="where the header claims"):
        survey(path)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.write(path, "X.npy")
    with pytest.raises(DataError, match="where the header claims"):
        survey(tmp_path / "a.npz")


def test_compressed_zeros_beyond_reason_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(arrayfiles, "MAX_UNPACKED", 2**20)
    np.savez_compressed(tmp_path / "a.npz", X=np.zeros((2**10, 2**9)))
    with pytest.raises(DataError, match="decompression bomb"):
        survey(tmp_path / "a.npz")


@pytest.mark.parametrize("packed", [False, True])
def test_idx_images(samples, grey, tmp_path, packed):
    path = tmp_path / ("t10k-images-idx3-ubyte" + (".gz" if packed else ""))
    content = samples.idx_bytes(grey)
    path.write_bytes(gzip.compress(content) if packed else content)
    found = survey(path)
    assert (found.spec.kind, found.spec.shape, found.spec.squeezed) == ("image", (9, 11, 1), True)
    np.testing.assert_array_equal(read(path)[..., 0], grey)


def test_small_idx_images_are_still_images(samples, tmp_path):
    path = tmp_path / "a.idx"
    path.write_bytes(samples.idx_bytes(np.arange(80).reshape(20, 2, 2)))
    assert survey(path).spec.kind == "image"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("change", [-1, 1])
def test_idx_size_must_agree_with_its_header(samples, grey, tmp_path, packed, change):
    content = samples.idx_bytes(grey)
    content = content[:-1] if change < 0 else content + b"\0"
    path = tmp_path / "a.idx.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match="where the header claims 1,980"):
        survey(path)


def test_labels_are_refused(samples, tmp_path):
    path = tmp_path / "train-labels-idx1-ubyte"
    path.write_bytes(samples.idx_bytes(np.arange(10)))
    with pytest.raises(DataError, match=r"Got labels\. Give the images' file"):
        survey(path)


def test_folder_of_idx_takes_the_training_images(samples, grey, tmp_path):
    for name, array in (
        ("train-images-idx3", grey),
        ("t10k-images-idx3", grey[:3]),
        ("train-labels-idx1", grey[:, 0, 0]),
    ):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(gzip.compress(samples.idx_bytes(array)))
    found = survey(tmp_path)
    assert found.cleaning.found == 20
    note = found.cleaning.notes[0]
    assert "train-images-idx3-ubyte.gz is taken" in note
    assert "t10k-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz" in note


def test_folder_of_idx_without_training_images_asks(samples, grey, tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(samples.idx_bytes(grey))
    with pytest.raises(DataError, match=r"Got t10k-images-idx3-ubyte\. Give one of them"):
        survey(tmp_path)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "x.gz"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_damaged_gzip_gets_a_sentence(tmp_path, name, inside):
    content = bytearray(gzip.compress(np.random.default_rng(0).bytes(3000)))
    content[12] ^= 0xFF
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError):
        survey(tmp_path if inside else tmp_path / name)
