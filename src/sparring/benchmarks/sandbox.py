"""Runs a command with limits, and tells what it said, how much memory it took and what it left behind."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparring.benchmarks.command import sparring_command

POLL = 0.02
ADDRESS_SPACE = 24 << 30


@dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Attributes:
        status: its exit status, negative where a signal ended it; None where it had to be killed.
        out: its standard output.
        err: its standard error.
        memory: its largest resident size, in bytes.
        seconds: how long it took.
    """

    status: int | None
    out: str
    err: str
    memory: int
    seconds: float


def run_limited(words: Sequence[str], home: Path, seconds: float) -> Outcome:
    """Run a `sparring` command in a process group of its own.

    Args:
        words: of the command, without `sparring` itself.
        home: its working folder, home folder and folder for temporary files.
        seconds: after which it is killed.

    Returns:
        What it said and took; what it wrote into the two files beside `home` is read from there.
    """
    said = home.with_name(home.name + ".out"), home.with_name(home.name + ".err")
    start = time.perf_counter()
    with said[0].open("wb") as out, said[1].open("wb") as err:
        process = subprocess.Popen(
            sparring_command(*words),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=home,
            env=_environment(home),
            start_new_session=True,
        )
        _limit_address_space(process.pid)
        status, memory = _wait(process, start + seconds)
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in said]
    for path in said:
        path.unlink()
    return Outcome(status, texts[0], texts[1], memory, time.perf_counter() - start)


def snapshot(folder: Path, *without: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below a folder, links not followed: path -> (mode, size, time of last change).

    Args:
        folder: where to look.
        without: folders that are left out with all that is in them.

    Returns:
        The size and time of a folder are left out, since its entries tell as much.
    """
    found: dict[str, tuple[int, int, int]] = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if Path(root, name) not in without]
        for name in [*folders, *files]:
            facts = os.lstat(Path(root, name))
            plain = not stat.S_ISDIR(facts.st_mode)
            found[str(Path(root, name))] = (facts.st_mode, facts.st_size * plain, facts.st_mtime_ns * plain)
    return found


def changes(before: dict[str, tuple[int, int, int]], after: dict[str, tuple[int, int, int]]) -> list[str]:
    """Paths that appeared, vanished or changed between two snapshots."""
    return sorted(path for path in before | after if before.get(path) != after.get(path))


def _environment(home: Path) -> dict[str, str]:
    """This process's environment, with every usual place for leftovers moved into `home`."""
    folders = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(home))
    caches = dict.fromkeys(("MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"), str(home.parent.parent / "caches"))
    single = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **folders, **caches, **single}


def _limit_address_space(process: int) -> None:
    """Keep a runaway from taking the machine down, where the system allows it."""
    try:
        import resource

        resource.prlimit(process, resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    except (ImportError, AttributeError, ProcessLookupError):
        return


def _wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int | None, int]:
    """Status and largest resident size of a process, whose group is killed at the deadline."""
    hung = False
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            process.returncode = os.waitstatus_to_exitcode(status)
            return (None if hung else process.returncode), usage.ru_maxrss * 1024
        if not hung and time.perf_counter() > deadline:
            os.killpg(process.pid, signal.SIGKILL)
            hung = True
        time.sleep(POLL)
