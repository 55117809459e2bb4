"""Writes the README's tree: a line of purpose for each file, taken from the first line of the file itself.

`python tools/tree.py` rewrites the README; with `--check` it only says whether the README is up to date.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: written by `make tree` -->\n```\n", "```\n<!-- end of the tree -->\n"
COLUMN = 28
# Where a file cannot say it itself, and folders that are described as a whole.
PURPOSES = {
    ".ci/": "what continuous integration runs",
    ".gitignore": "what git leaves alone",
    "CHANGELOG.md": "what changed, newest first",
    "LICENSE": "Apache 2.0",
    "Makefile": "demo, test, check, bench: each sets up .venv first",
    "README.md": "this page",
    "benchmarks/": "LOG.md, dated experiments; results/, a line per finished cell and a page per benchmark",
    "constraints.txt": "the pinned versions of the development install",
    "docs/": "pictures of this page",
    "pyproject.toml": "the package, its dependencies, and the settings of every tool",
    "src/sparring/report/templates/": "the page, for jinja2",
    "src/sparring/report/templates/parts.html": "pieces that the page repeats: pictures with captions, measures, pairs",
    "src/sparring/report/templates/report.css": "its style, for light and dark",
    "src/sparring/report/templates/report.html": "the page itself",
    "src/sparring/py.typed": "tells type checkers that the package is annotated",
    "tests/": "unit/ mirrors the package; contracts/ one per registry; numerics/; behaviour/; cli/",
    "tools/": "tree.py, which writes this tree",
}


def tracked() -> list[str]:
    """Paths of the files that git keeps, relative to the root."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(path for path in listed.split("\0") if path and (ROOT / path).is_file())


def tree(paths: list[str]) -> str:
    """The tree of `paths`: folders that have a purpose of their own as one line, the package file by file."""
    whole = {key for key in PURPOSES if key.endswith("/")}
    top = {next((folder for folder in whole if path.startswith(folder)), path) for path in paths}
    outside = [line(path, purpose(path), 0) for path in sorted(top) if not path.startswith("src/")]
    package = [path for path in paths if path.startswith("src/sparring/")]
    return "".join([*outside, *branch("src/sparring", package, 0)])


def branch(folder: str, paths: list[str], depth: int) -> Iterator[str]:
    """Lines of one folder: itself, its files, then the folders within."""
    start = f"{folder}/__init__.py"
    words = PURPOSES.get(f"{folder}/") or purpose(start)
    yield line(folder if depth == 0 else PurePosixPath(folder).name, words, depth, "/")
    below = [path for path in paths if path.startswith(f"{folder}/") and path != start]
    direct = [path for path in below if str(PurePosixPath(path).parent) == folder]
    for path in direct:
        yield line(PurePosixPath(path).name, purpose(path), depth + 1)
    folders = {"/".join(PurePosixPath(path).parts[: len(PurePosixPath(folder).parts) + 1]) for path in below}
    for inner in sorted(folders - set(direct)):
        yield from branch(inner, below, depth + 1)


def line(name: str, words: str, depth: int, end: str = "") -> str:
    """One line of the tree."""
    return f"{'  ' * depth + name + end:<{COLUMN}} {words}".rstrip() + "\n"


def purpose(path: str) -> str:
    """What a file is for, in its own words: the first line of its docstring, or its first comment."""
    if path in PURPOSES:
        return PURPOSES[path]
    text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
    if path.endswith(".py"):
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0].rstrip(".")
    first = text.partition("\n")[0].strip()
    return first.strip("{}#<>!-/* ").rstrip(".") if first.startswith(("{#", "<!--", "/*", "//", "#")) else ""


def with_tree(readme: str) -> str:
    """The README with the tree as it should be."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{tree(tracked())}{END}{after}"


def main() -> int:
    """Rewrite the README, or check it; 1 where it is out of date."""
    old = README.read_text(encoding="utf-8")
    new = with_tree(old)
    if "--check" not in sys.argv:
        README.write_text(new, encoding="utf-8")
        return 0
    if old != new:
        print("The README's tree is out of date; run `make tree`.", file=sys.stderr)
    return int(old != new)


if __name__ == "__main__":
    sys.exit(main())
