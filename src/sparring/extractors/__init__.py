"""Extractors: named feature spaces for metrics."""

from sparring.extractors.table import EXTRACTORS

__all__ = ["EXTRACTORS"]
