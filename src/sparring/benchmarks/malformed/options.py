"""Options and configuration files that break their rules."""

from functools import partial

from sparring.benchmarks.malformed.materials import write_good_images
from sparring.benchmarks.malformed.trap import Case, Place, Trap, train

CONFIGS: dict[str, tuple[str, bytes, str]] = {
    "toml-unknown-key": ("c.toml", b"[network]\nnmae = 'mlp'\n", "nmae"),
    "toml-unknown-section": ("c.toml", b"[netwrok]\nname = 'mlp'\n", "netwrok"),
    "toml-wrong-type": ("c.toml", b"[optimiser]\nlr = 'fast'\n", "lr"),
    "toml-section-as-number": ("c.toml", b"network = 3\n", "network"),
    "toml-broken": ("c.toml", b"[network\nname = ", "c.toml"),
    "toml-binary": ("c.toml", bytes(range(256)), "c.toml"),
    "json-unknown-key": ("c.json", b'{"network": {"nmae": "mlp"}}', "nmae"),
    "json-wrong-type": ("c.json", b'{"network": {"name": 3}}', "name"),
    "json-null": ("c.json", b'{"network": null}', "network"),
    "json-list": ("c.json", b"[1, 2, 3]", "c.json"),
    "json-broken": ("c.json", b'{"network": ', "c.json"),
    "json-bottomless": ("c.json", b"[" * 200_000, "c.json"),
    "json-huge-number": ("c.json", b'{"seed": 1' + b"0" * 5000 + b"}", "c.json"),
    "unknown-form": ("c.ini", b"[network]\nname = mlp\n", "c.ini"),
    "empty": ("c.json", b"", "c.json"),
}

OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "config-missing": (("--config", "nowhere.toml"), "nowhere.toml"),
    "set-without-value": (("--set", "network.name"), "network.name"),
    "set-unknown-key": (("--set", "network.nmae=mlp"), "nmae"),
    "set-unknown-network": (("--set", "network.name=convv"), "convv"),
    "set-unknown-objective": (("--set", "objective.name=relativstic"), "relativstic"),
    "set-wrong-type": (("--set", "checkpoint.seconds=often"), "seconds"),
    "set-nan": (("--set", "checkpoint.seconds=nan"), "seconds"),
    "set-negative": (("--set", "checkpoint.seconds=-1"), "seconds"),
    "unknown-preset": (("--preset", "imagse"), "imagse"),
    "samples-zero": (("--samples", "0"), "samples"),
    "samples-negative": (("--samples", "-5"), "samples"),
    "samples-text": (("--samples", "many"), "samples"),
    "minutes-nan": (("--minutes", "nan"), "minutes"),
    "minutes-infinite": (("--minutes", "inf"), "minutes"),
    "seed-text": (("--seed", "x"), "seed"),
    "seed-negative": (("--seed", "-1"), "seed"),
    "unknown-option": (("--sampels", "16"), "sampels"),
    "two-budgets": (("--minutes", "1", "--epochs", "3"), "minutes"),
}


def cases() -> list[Case]:
    """Every broken configuration file, then every broken option."""
    files = [Case(f"options/{name}", partial(_config, *given)) for name, given in CONFIGS.items()]
    options = [Case(f"options/{name}", partial(_options, *given)) for name, given in OPTIONS.items()]
    return [*files, *options, Case("options/unknown-command", _unknown_command)]


def _config(name: str, content: bytes, shown: str, place: Place, generator: object) -> Trap:
    path = place.data / name
    path.write_bytes(content)
    return _options(("--config", str(path)), shown, place, generator)


def _options(given: tuple[str, ...], shown: str, place: Place, generator: object) -> Trap:
    words = train(write_good_images(place.data / "images"), place)
    if given[0] in words:
        at = words.index(given[0])
        words = words[:at] + words[at + 2 :]
    return Trap((*words, *given), (shown,), "refused")


def _unknown_command(place: Place, generator: object) -> Trap:
    return Trap(("trian", str(write_good_images(place.data / "images"))), ("trian",), "refused")
