"""Metrics: pure functions on arrays, numbers out."""

from sparring.registry import Registry

METRICS = Registry(
    "metric",
    {
        "frechet": "sparring.metrics.frechet:frechet_distance",
        "kernel": "sparring.metrics.kernel:kernel_distance",
        "manifold": "sparring.metrics.neighbours:manifold",
        "memorisation": "sparring.metrics.copying:memorisation",
        "spectrum": "sparring.metrics.spectrum:spectrum_distance",
        "two_sample": "sparring.metrics.two_sample:two_sample_accuracy",
    },
)
