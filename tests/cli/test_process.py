"""The installed command in a process of its own: what it imports, and what it does to a closed pipe."""

import subprocess
import sys

import pytest

LIST_IMPORTS = """
import sys
from sparring.cli.main import main
status = main(sys.argv[1:])
heavy = {"torch", "sklearn", "scipy", "matplotlib", "pyarrow"} & set(sys.modules)
print("heavy:", sorted(heavy), "status:", status, file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["inspect", "no/such"],
        ["train", "no/such", "--run", "r"],
        ["resume", "no"],
    ],
    ids=" ".join,
)
def test_what_can_be_answered_at_once_imports_nothing_heavy(words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", LIST_IMPORTS, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    expected = 0 if "--help" in words else 1
    assert done.stderr.splitlines()[-1] == f"heavy: [] status: {expected}"


def test_the_module_runs_as_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "sparring", "resume", "no/such/run"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("sparring: There is no run folder")


def test_a_reader_that_went_away_leaves_no_traceback():
    command = f"{sys.executable} -m sparring --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
