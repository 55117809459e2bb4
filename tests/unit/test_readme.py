"""The README's tree is true: every file has its line of purpose, and no line names a file that is gone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TREE = README.partition("<!-- tree")[2].partition("```\n")[2].partition("```\n")[0]
ROW = re.compile(r"(?P<indent> *)(?P<name>\S+)(?: +(?P<purpose>\S.*))?")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return [path for path in done.stdout.splitlines() if (ROOT / path).is_file()]


def rows() -> dict[str, str]:
    """Path of every line of the tree -> its purpose; the path of a folder ends in a slash."""
    found: dict[str, str] = {}
    folders: list[str] = []
    for text in TREE.splitlines():
        match = ROW.fullmatch(text)
        assert match, text
        depth = len(match["indent"]) // 2
        path = "".join(folders[:depth]) + match["name"]
        if path.endswith("/"):
            folders[depth:] = [match["name"]]
        found[path] = match["purpose"] or ""
    return found


def test_every_line_has_a_purpose():
    assert rows()
    assert [path for path, purpose in rows().items() if not purpose] == []


def test_no_line_names_what_is_gone():
    assert [path for path in rows() if not (ROOT / path).exists()] == []


def test_every_file_of_the_package_has_its_line(tracked):
    package = {path for path in tracked if path.startswith("src/")}
    lines = {path + "__init__.py" if path.endswith("/") else path for path in rows()}
    assert sorted(package - lines) == []


def test_everything_at_the_top_has_its_line(tracked):
    top = {path.partition("/")[0] + "/" * ("/" in path) for path in tracked}
    lines = {path.partition("/")[0] + "/" * ("/" in path) for path in rows()}
    assert sorted(top - lines) == []


def test_the_tree_is_what_the_files_say_of_themselves(tracked):
    done = subprocess.run(
        [sys.executable, "tools/tree.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr


def test_every_folder_of_the_package_is_a_package(tracked):
    """A folder without `__init__.py` would be left out of the import contracts without a word."""
    folders = {Path(path).parent for path in tracked if path.startswith("src/") and path.endswith(".py")}
    assert [str(folder) for folder in sorted(folders) if not (ROOT / folder / "__init__.py").is_file()] == []
