"""The benchmarks by name, each imported when it is first asked for."""

from sparring.registry import Registry

BENCHMARKS = Registry(
    "benchmark",
    {
        "cifar": "sparring.benchmarks.generation:CIFAR",
        "embedding": "sparring.benchmarks.embedding:EMBEDDING",
        "estimators": "sparring.benchmarks.estimators:ESTIMATORS",
        "few": "sparring.benchmarks.few:FEW",
        "fashion": "sparring.benchmarks.generation:FASHION",
        "frechet": "sparring.benchmarks.frechet:FRECHET",
        "grid": "sparring.benchmarks.mixtures:GRID",
        "hostile": "sparring.benchmarks.hostile:HOSTILE",
        "mnist": "sparring.benchmarks.generation:MNIST",
        "reconstruct": "sparring.benchmarks.reconstruct:RECONSTRUCT",
        "resume": "sparring.benchmarks.resume:RESUME",
        "ring": "sparring.benchmarks.mixtures:RING",
        "speed": "sparring.benchmarks.speed:SPEED",
        "stability": "sparring.benchmarks.stability:STABILITY",
        "stacked-mnist": "sparring.benchmarks.stacked_mnist:STACKED_MNIST",
        "step": "sparring.benchmarks.step:STEP",
    },
)
