"""Zip and tar: the same items as a folder; escaping members, links, encryption and bombs are refused."""

import io
import stat
import tarfile
import tracemalloc
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
def test_special_member_of_a_tar_is_listed(samples, tmp_path, kind):
    path = samples.write_tar(tmp_path / "a.tar", samples.pngs(2))
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("special.png")
        member.type, member.linkname = kind, "000.png"
        archive.addfile(member)
    found = survey(path)
    reason = "link" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else "not a file"
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [("special.png", reason)]
    assert found.names == ("000.png", "001.png")


OUTSIDE = ("/etc/passwd", "../../000.png", "C:\\passwords.png")


@pytest.mark.parametrize("target", OUTSIDE)
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_link_out_of_a_tar_is_refused(samples, tmp_path, kind, target):
    path = samples.write_tar(tmp_path / "a.tar", samples.pngs(2))
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("sub/link.png")
        member.type, member.linkname = kind, target
        archive.addfile(member)
    with pytest.raises(DataError, match=r"Member 'sub/link\.png' is a link that leaves the archive"):
        survey(path)


def with_link(samples, path, target, method=zipfile.ZIP_STORED):
    samples.write_zip(path, samples.pngs(2))
    link = zipfile.ZipInfo("sub/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    link.compress_type = method
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, target)
    return path


@pytest.mark.parametrize("target", [*OUTSIDE, "x" * 5000])
def test_link_out_of_a_zip_is_refused(samples, tmp_path, target):
    with pytest.raises(DataError, match=r"Member 'sub/link\.png' is a link that leaves the archive"):
        survey(with_link(samples, tmp_path / "a.zip", target))


def test_link_in_a_zip_is_not_unpacked_without_a_bound(samples, tmp_path):
    path = with_link(samples, tmp_path / "a.zip", "x" * 2**26, zipfile.ZIP_BZIP2)
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(DataError, match="is a link that leaves the archive"):
        survey(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**24


def test_link_within_a_zip_is_listed(samples, tmp_path):
    found = survey(with_link(samples, tmp_path / "a.zip", "../000.png"))
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [("sub/link.png", "link")]


def test_a_colon_in_a_name_is_no_drive(samples, tmp_path):
    path = samples.write_tar(tmp_path / "a.tar", {"A: sunset.png": samples.pngs(1)["000.png"]})
    assert survey(path).names == ("A: sunset.png",)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_unpack_without_a_bound_are_listed(samples, tmp_path, method):
    path = samples.write_zip(tmp_path / "a.zip", samples.pngs(2))
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr("odd.png", samples.pngs(1)["000.png"])
    found = survey(path)
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [("odd.png", "unknown compression")]


def test_no_more_is_unpacked_than_a_member_claims(samples, tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(samples.write_zip(path, samples.pngs(1)), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("liar.png", bytes(2**26))
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path.write_bytes(content)
    tracemalloc.start()
    found = survey(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(item.name, item.reason) for item in found.cleaning.skipped] == [("liar.png", "corrupt")]
    assert peak < 2**25


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_name_of_gigabytes_is_refused_unread(samples, tmp_path, kind, mode):
    path = tmp_path / "a.tar"
    with tarfile.open(path, mode) as archive:
        member = tarfile.TarInfo("name")
        member.type, member.size = kind, 2**32
        archive.fileobj.write(member.tobuf() + bytes(2**20))
    with pytest.raises(DataError, match=r"a member with a name of 4,294,967,296 bytes, which is a bomb"):
        survey(path)


def test_long_names_are_kept(samples, tmp_path):
    name = "n" * 150 + "/" + "m" * 150 + ".png"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
            member = tarfile.TarInfo(name)
            member.size = len(samples.pngs(1)["000.png"])
            archive.addfile(member, io.BytesIO(samples.pngs(1)["000.png"]))
        assert survey(tmp_path / "a.tar").names == (name,)


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
