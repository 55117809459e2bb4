"""`sparring inspect` and `sparring presets`: what there is, before anything is trained."""

from typing import Any

from sparring.cli.folders import require_data


def inspect(data: str, /) -> dict[str, Any]:
    """Read and clean the data; print as JSON what is there, which preset fits and how long training takes.

    Args:
        data: A folder or archive of images, a .npy, .npz, idx or .parquet file, or a bundled name.

    Returns:
        The survey of the data, and the estimate for training on it with every default.
    """
    require_data(data)
    from sparring.data.open import survey

    found = survey(data).require()
    from sparring.planning import estimate

    return {**found.to_json(), "training": estimate(found).to_json()}


def presets() -> list[dict[str, str]]:
    """Print the recipes by name, with what they are for and the papers they come from, as JSON.

    Returns:
        One entry a recipe.
    """
    from sparring.presets import PRESETS

    return [{"name": preset.name, "summary": preset.summary, "paper": preset.paper} for preset in PRESETS]
