"""`sparring inspect` and `sparring presets`: what there is, before anything is trained."""

import time
from typing import Annotated, Any

from cyclopts import Parameter

from sparring.cli.folders import require_data
from sparring.cli.train import POSITIVE


def inspect(
    data: str,
    /,
    *,
    minutes: Annotated[float | None, Parameter(validator=POSITIVE)] = None,
) -> dict[str, Any]:
    """Read and clean the data; print as JSON what is there, what training would choose and how far it would come.

    Args:
        data: A folder or archive of images, a .npy, .npz, idx or .parquet file, or a bundled name.
        minutes: Of training to estimate for; those of `train` where left out.

    Returns:
        The survey of the data, and the estimate for training on it with every default.
    """
    require_data(data)
    from sparring.data.open import survey

    began = time.perf_counter()
    found = survey(data).require()
    from sparring.planning import estimate
    from sparring.rules import DEFAULT_MINUTES

    return {**found.to_json(), "training": estimate(found, minutes or DEFAULT_MINUTES, began).to_json()}


def presets() -> list[dict[str, str]]:
    """Print the recipes by name, with what they are for and the papers they come from, as JSON.

    Returns:
        One entry a recipe.
    """
    from sparring.presets import PRESETS

    return [{"name": preset.name, "summary": preset.summary, "paper": preset.paper} for preset in PRESETS]
