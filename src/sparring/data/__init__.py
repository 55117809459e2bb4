"""Any data -> items by index."""

from sparring.data.open import survey
from sparring.data.source import Source, Spec
from sparring.data.survey import Survey

__all__ = ["Source", "Spec", "Survey", "survey"]
