"""Published protocols behind `sparring bench NAME`: one file each, on a common runner."""

from sparring.benchmarks.table import BENCHMARKS

__all__ = ["BENCHMARKS"]
