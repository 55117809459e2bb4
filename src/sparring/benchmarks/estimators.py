"""`sparring bench estimators`: scikit-learn's own checks of our estimators, and of others that follow its interface."""

import time
import warnings
from collections.abc import Callable
from typing import Any

from sparring.benchmarks.bench import Bar, Bench, Cell, Column, Context, Figures, total

SMALL = {"network.width": 8, "network.latent": 5, "validation.points": 2, "encoder.width": 16, "network.name": "mlp"}
OURS = ("GAN", "GANTransformer")
OTHERS = ("pyod AutoEncoder", "pyod ALAD")

PROTOCOL = """
Every check that `sklearn.utils.estimator_checks.check_estimator` makes of one instance, with no expected failures: how
many passed, failed and were skipped (a check skips itself where it does not apply or a library is absent), and the
seconds of all together. Ours are small: fully connected networks of width 8 and a budget of 64 items. The others are
pyod's at their defaults but for one epoch, where pyod and what they need are installed
(`pip install pyod tqdm pandas`); these are not our dependencies.
"""


def run(cell: Cell, context: Context) -> Figures:
    """All checks of one estimator."""
    from sklearn.utils.estimator_checks import check_estimator

    try:
        estimator = _make(cell.method)
    except ImportError as error:
        fix = "pip install pyod tqdm pandas, then run this cell again with --redo"
        context.note(f"  pyod, or what this estimator of it needs, is not installed ({error}): {fix}")
        return {"installed": False}
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_fail=None, on_skip=None)
    seconds = time.perf_counter() - start
    counts = {status: sum(one["status"] == status for one in found) for status in ("passed", "failed", "skipped")}
    failed = sorted({str(one["check_name"]) for one in found if one["status"] == "failed"})
    figures = {**counts, "expected_failures": sum(one["status"] == "xfail" for one in found), "check_seconds": seconds}
    ours = {f"our_{name}": figures[name] for name in ("failed", "check_seconds")} if cell.method in OURS else {}
    return {**figures, **ours, "names_of_failed": failed}


def _make(method: str) -> Any:
    import sparring

    if method in OURS:
        return getattr(sparring, method)(samples=64, random_state=0, settings=SMALL)
    makers: dict[str, Callable[[], Any]] = {OTHERS[0]: _autoencoder, OTHERS[1]: _alad}
    return makers[method]()


def _autoencoder() -> Any:
    from pyod.models.auto_encoder import AutoEncoder  # pyright: ignore[reportMissingImports]

    return AutoEncoder(epoch_num=1)


def _alad() -> Any:
    from pyod.models.alad import ALAD  # pyright: ignore[reportMissingImports]

    return ALAD(epochs=1)


ESTIMATORS = Bench(
    name="estimators",
    title="scikit-learn's checks of estimators",
    protocol=PROTOCOL,
    grid=tuple(("checks", method) for method in (*OURS, *OTHERS)),
    run=run,
    columns=(
        Column("passed", "passed"),
        Column("failed", "failed"),
        Column("skipped", "skipped"),
        Column("check_seconds", "seconds of the checks", ".1f"),
    ),
    bars=(
        Bar("checks that ours fail", "<=", 0, total("our_failed")),
        Bar("seconds of all checks of ours", "<=", 300, total("our_check_seconds")),
    ),
)
