"""Zip and tar: the same items as a folder; escaping members, links, encryption and bombs are refused."""

import stat
import tarfile
import zipfile

import numpy as np
import pytest

from sparring.data import archives, survey
from sparring.errors import DataError


@pytest.fixture(params=["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
def write(request, samples, tmp_path):
    """A function that writes members by name into an archive of one kind."""
    path = tmp_path / f"set.{request.param}"
    if request.param == "zip":
        return lambda members: samples.write_zip(path, members)
    return lambda members: samples.write_tar(path, members, f"w:{request.param[4:]}")


def test_archive_equals_the_folder(samples, write, folder_of):
    files = {
        **samples.pngs(40),
        "sub/x.png": samples.pngs(1)["000.png"],
        "sub/notes.xml": b"<x/>",
        "e.png": b"",
    }
    files = dict(sorted(files.items()))
    inside, outside = survey(write(files)), survey(folder_of(files))
    assert inside.names == outside.names
    assert inside.cleaning == outside.cleaning
    assert inside.fingerprint == outside.fingerprint
    order = [39, 3, 0, 3]
    np.testing.assert_array_equal(inside.source().rows(order), outside.source().rows(order))


@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/evil.png", "C:/evil.png", "..\\evil.png"])
def test_escaping_member_refuses_the_whole(samples, write, name):
    path = write({**samples.pngs(2), name: samples.pngs(1)["000.png"]})
    with pytest.raises(DataError, match="must hold plain files inside itself") as caught:
        survey(path)
    assert str(path) in str(caught.value)
    assert repr(name) in str(caught.value)


def test_nul_in_a_zip_name_is_refused(samples, tmp_path):
    path = samples.write_zip(tmp_path / "a.zip", {"goodX.png": samples.pngs(1)["000.png"]})
    path.write_bytes(path.read_bytes().replace(b"goodX.png", b"good\0.png"))
    with pytest.raises(DataError, match="NUL"):
        survey(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_special_member_of_a_tar_is_refused(samples, tmp_path, kind):
    path = samples.write_tar(tmp_path / "a.tar", samples.pngs(2))
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("special.png")
        member.type, member.linkname = kind, "000.png"
        archive.addfile(member)
    with pytest.raises(DataError, match=r"Member 'special\.png' is a link or a device"):
        survey(path)


def test_link_in_a_zip_is_refused(samples, tmp_path):
    path = samples.write_zip(tmp_path / "a.zip", samples.pngs(2))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match=r"Member 'link\.png' is a link or a device"):
        survey(path)


def test_encrypted_zip_is_refused(samples, tmp_path):
    path = samples.write_zip(tmp_path / "a.zip", samples.pngs(1))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="must not be encrypted"):
        survey(path)


def test_bomb_member_of_a_zip_is_listed(samples, tmp_path):
    path = samples.write_zip(tmp_path / "a.zip", {**samples.pngs(2), "bomb.bmp": bytes(2**25)})
    found = survey(path)
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [("bomb.bmp", "too large")]


def test_large_member_of_a_tar_is_listed(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20)
    found = survey(samples.write_tar(tmp_path / "a.tar", {**samples.pngs(2), "large.bmp": bytes(2**20 + 1)}))
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [("large.bmp", "too large")]


def test_bomb_of_a_compressed_tar_is_refused(samples, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_UNPACKED", 2**22)
    path = samples.write_tar(tmp_path / "a.tar.gz", {"bomb.bmp": bytes(2**23)}, "w:gz")
    with pytest.raises(DataError, match="decompression bomb"):
        survey(path)


def test_member_whose_bytes_changed_is_listed(samples, tmp_path):
    path = samples.write_zip(tmp_path / "a.zip", samples.pngs(3))
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("001.png").header_offset
    content = bytearray(path.read_bytes())
    content[start + 60] ^= 0xFF
    path.write_bytes(content)
    found = survey(path)
    assert [item.name for item in found.cleaning.skipped] == ["001.png"]
    assert found.names == ("000.png", "002.png")


def test_damaged_header_in_a_tar_does_not_hide_the_rest(samples, tmp_path):
    path = samples.write_tar(tmp_path / "a.tar", samples.pngs(3))
    content = bytearray(path.read_bytes())
    with tarfile.open(path) as archive:
        content[archive.getmembers()[1].offset + 150] ^= 0xFF
    path.write_bytes(content)
    found = survey(path)
    assert found.names == ("000.png",)
    assert [item.name for item in found.cleaning.skipped] == ["(rest of the archive)"]


def test_archive_without_a_known_suffix_is_opened_by_its_content(samples, tmp_path):
    for write in (samples.write_zip, samples.write_tar):
        assert len(survey(write(tmp_path / "pictures", samples.pngs(2))).source()) == 2


def test_compressed_tar_is_read_forwards(samples, tmp_path):
    members = dict(reversed(samples.pngs(5).items()))
    found = survey(samples.write_tar(tmp_path / "a.tgz", members, "w:gz"))
    assert found.names == tuple(members)
    np.testing.assert_array_equal(found.source().rows([0])[0], samples.picture(4))


def test_nothing_is_written_beside_an_archive(samples, write, tmp_path):
    survey(write(samples.pngs(2))).source().rows([0, 1])
    assert len(list(tmp_path.iterdir())) == 1


def test_truncated_tar_is_refused(samples, tmp_path):
    path = samples.write_tar(tmp_path / "a.tar", samples.pngs(2))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match="must be a tar file that can be read"):
        survey(path)
