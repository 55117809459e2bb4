"""Every kind of ending gets its sentence; only a fault of Sparring's own gets a traceback."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from sparring.cli.failures import Stopped, explain, handle
from sparring.errors import DataError, RunError, UsageError

FULL = Path("/dev/full")
NEEDS_FULL = pytest.mark.skipif(not FULL.is_char_device(), reason="this system has no /dev/full")


@pytest.mark.parametrize("kind", [UsageError, DataError, RunError])
def test_own_errors_say_their_text(kind, capsys):
    assert handle(kind("The rule.\nWhat came.")) == 1
    assert capsys.readouterr().err == "sparring: The rule. What came.\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named(number):
    sentence = explain(OSError(number, os.strerror(number), "runs/a/state"))
    assert sentence is not None
    assert sentence.startswith("The disk is full. Path: runs/a/state.")


@NEEDS_FULL
def test_a_full_disk_is_known_from_what_the_operating_system_says():
    with pytest.raises(OSError, match="No space") as caught, FULL.open("wb") as file:
        file.write(b"x" * 100_000)
    assert str(explain(caught.value)).startswith("The disk is full.")


@NEEDS_FULL
def test_a_full_disk_is_known_from_numpy_which_gives_no_number():
    with pytest.raises(OSError, match="requested and") as caught:
        np.zeros(100_000).tofile(FULL)
    assert caught.value.errno is None
    assert str(explain(caught.value)).startswith("The disk is full.")


def test_a_full_disk_is_known_from_safetensors_text():
    error = Exception("Error while serializing: I/O error: No space left on device (os error 28)")
    assert str(explain(error)).startswith("The disk is full.")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_missing_permission_is_named(number):
    sentence = explain(OSError(number, os.strerror(number), "/locked"))
    assert sentence is not None
    assert sentence.startswith("There is no permission to do this. Path: /locked.")


@pytest.mark.parametrize(
    "error",
    [
        np._core._exceptions._ArrayMemoryError((10**9, 10**9), np.dtype(float)),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB."),
    ],
)
def test_too_little_memory_is_named(error):
    assert str(explain(error)).startswith("This needs more memory than there is.")


def test_a_wrong_path_is_named():
    assert explain(NotADirectoryError(errno.ENOTDIR, "", "a/b")) == "Not a directory. Path: a/b."


def test_an_interruption_says_how_to_go_on(capsys):
    assert handle(Stopped("Interrupted. Go on with `sparring resume r`.")) == 130
    assert capsys.readouterr().err == "sparring: Interrupted. Go on with `sparring resume r`.\n"
    assert handle(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("error", [RuntimeError("1 requested and granted"), KeyError("x"), ValueError("bad")])
def test_an_unexpected_error_shows_where_and_asks_for_a_report(error, capsys):
    with pytest.raises(type(error)) as caught:
        raise error
    assert handle(caught.value) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("sparring: This is a fault in Sparring")


def test_debug_shows_the_traceback_of_a_mistake_too(monkeypatch, capsys):
    monkeypatch.setenv("SPARRING_DEBUG", "1")
    handle(UsageError("The rule."))
    err = capsys.readouterr().err
    assert "UsageError: The rule." in err
    assert err.endswith("sparring: The rule.\n")
