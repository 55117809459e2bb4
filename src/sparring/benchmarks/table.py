"""The benchmarks by name, each imported when it is first asked for."""

from sparring.registry import Registry

BENCHMARKS = Registry(
    "benchmark",
    {
        "fashion": "sparring.benchmarks.fashion:FASHION",
        "hostile": "sparring.benchmarks.hostile:HOSTILE",
        "mnist": "sparring.benchmarks.fashion:MNIST",
        "resume": "sparring.benchmarks.resume:RESUME",
        "step": "sparring.benchmarks.step:STEP",
    },
)
