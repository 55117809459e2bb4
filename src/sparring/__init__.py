"""Sparring: unsupervised learning with generative adversarial networks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparring.estimators.gan import GAN
    from sparring.estimators.transformer import GANTransformer

__version__ = "0.1.0"
__all__ = ["GAN", "GANTransformer", "__version__"]

# Imported when first asked for: torch takes seconds, and `sparring --help` needs none of it.
_PLACES = {"GAN": "sparring.estimators.gan", "GANTransformer": "sparring.estimators.transformer"}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
