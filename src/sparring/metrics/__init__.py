"""Metrics: pure functions on arrays, numbers out."""

from sparring.registry import Registry

METRICS = Registry(
    "metric",
    {
        "kernel": "sparring.metrics.kernel:kernel_distance",
    },
)
