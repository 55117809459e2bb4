"""Run folders that are none, and run folders with damaged checkpoints."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sparring.benchmarks.kills import Moment, train_to_the_end, train_until_killed
from sparring.benchmarks.malformed.arrays import marker_pickle
from sparring.benchmarks.malformed.mutated import flipped, truncated
from sparring.benchmarks.malformed.trap import Case, Place, Trap

SAMPLES = 20_000
VERBS = ("sample", "resume", "evaluate", "report")
Damage = Callable[[Path, np.random.Generator], None]


def make_runs(folder: Path) -> Path:
    """Train one small run to its end (`done`) and kill another on its way (`killed`).

    Args:
        folder: where both are made, once.

    Returns:
        The folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    spans = train_to_the_end(_words(folder / "done"), folder / "done")
    for share in (0.8, 0.6, 0.4):
        shutil.rmtree(folder / "killed", ignore_errors=True)
        if train_until_killed(_words(folder / "killed"), folder / "killed", Moment(share), spans):
            break
    return folder


def cases(runs: Path) -> list[Case]:
    """Every bad run folder.

    Args:
        runs: where `make_runs` made, or will have made, the runs that are damaged here.
    """
    none = [Case(f"runs/{verb}-{name}", partial(_none, verb, make)) for name, make in NONE.items() for verb in VERBS]
    sampled = [_damaged("sample", name, runs / "done", damage) for name, damage in DAMAGES.items()]
    fatal_or_not = DAMAGES | NEWEST_DAMAGED
    resumed = [_damaged("resume", name, runs / "killed", damage) for name, damage in fatal_or_not.items()]
    return none + sampled + resumed


def _words(run: Path) -> list[str]:
    words = ["train", "digits", "--run", str(run), "--samples", str(SAMPLES), "--set", "network.name=mlp"]
    return [*words, "--set", "checkpoint.seconds=0.3"]


def _command(verb: str, run: Path, place: Place) -> tuple[str, ...]:
    after = {"sample": ("-n", "4", "--out", str(place.run / "out.npz")), "evaluate": ("digits",)}
    return (verb, str(run), *after.get(verb, ()))


def _none(verb: str, make: Callable[[Path], None], place: Place, generator: object) -> Trap:
    run = place.run / "bad-run"
    make(run)
    return Trap(_command(verb, run, place), ("bad-run",), "refused")


def _damaged(verb: str, name: str, good: Path, damage: Damage) -> Case:
    def make(place: Place, generator: np.random.Generator) -> Trap:
        run = place.run / "bad-run"
        shutil.copytree(good, run)
        damage(run, generator)
        return Trap(_command(verb, run, place), ("bad-run", "checkpoint"), "named")

    return Case(f"runs/{verb}-{name}", make)


def _empty(run: Path) -> None:
    run.mkdir(parents=True)


def _file(run: Path) -> None:
    run.parent.mkdir(parents=True, exist_ok=True)
    run.write_text("no run")


def _with_config(text: str, run: Path) -> None:
    _empty(run)
    (run / "config.json").write_text(text)


def _checkpoints(run: Path, pattern: str) -> list[Path]:
    """The files of all checkpoints that match, so that no older one is left to fall back to."""
    found = sorted((run / "checkpoint").rglob(pattern))
    assert found, f"a run must hold checkpoint/**/{pattern}"
    return found


def _rewrite(pattern: str, change: Callable[[bytes, np.random.Generator], bytes]) -> Damage:
    def damage(run: Path, generator: np.random.Generator) -> None:
        for path in _checkpoints(run, pattern):
            path.write_bytes(change(path.read_bytes(), generator))

    return damage


def _edit_json(pattern: str, **changes: object) -> Damage:
    def change(content: bytes, generator: np.random.Generator) -> bytes:
        return json.dumps({**json.loads(content), **changes}).encode()

    return _rewrite(pattern, change)


def _remove(pattern: str) -> Damage:
    def damage(run: Path, generator: np.random.Generator) -> None:
        for path in _checkpoints(run, pattern):
            path.unlink()

    return damage


def _pickled(run: Path, generator: np.random.Generator) -> None:
    """A pickle in the place of the weights; loading it would make a folder beside the runs."""
    for path in _checkpoints(run, "model.safetensors"):
        path.write_bytes(marker_pickle(run.parent.parent / "canary" / "loaded"))


def _in_config(content: bytes) -> Damage:
    def damage(run: Path, generator: np.random.Generator) -> None:
        (run / "config.json").write_bytes(content)

    return damage


def _no_checkpoints(run: Path, generator: np.random.Generator) -> None:
    shutil.rmtree(run / "checkpoint")


NONE: dict[str, Callable[[Path], None]] = {
    "missing": lambda run: run.parent.mkdir(parents=True, exist_ok=True),
    "empty": _empty,
    "file": _file,
    "broken-config": partial(_with_config, '{"config": '),
    "foreign-config": partial(_with_config, '{"model_type": "bert"}'),
    "only-config": partial(_with_config, "{}"),
}

NEWEST_DAMAGED: dict[str, Damage] = {
    "newest-flipped": _rewrite("last/*.safetensors", partial(flipped, header=False)),
    "newest-cut": _rewrite("last/*.safetensors", truncated),
    "newest-state-cut": _rewrite("last/state.json", truncated),
}

DAMAGES: dict[str, Damage] = {
    "weights-flipped": _rewrite("model.safetensors", partial(flipped, header=False)),
    "weights-header-flipped": _rewrite("model.safetensors", partial(flipped, header=True)),
    "weights-cut": _rewrite("model.safetensors", truncated),
    "weights-giant-header": _rewrite("model.safetensors", lambda content, _: b"\xff" * 7 + b"\x0f" + content[8:]),
    "weights-empty": _rewrite("model.safetensors", lambda content, _: b""),
    "weights-missing": _remove("model.safetensors"),
    "weights-pickled": _pickled,
    "state-cut": _rewrite("state.json", truncated),
    "state-flipped": _rewrite("state.json", partial(flipped, header=False)),
    "state-other-format": _edit_json("state.json", format=999),
    "state-missing": _remove("state.json"),
    "all-checkpoints-missing": _no_checkpoints,
    "config-broken": _in_config(b'{"config": '),
    "config-binary": _in_config(bytes(range(256))),
}
