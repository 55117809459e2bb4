"""The table of objectives."""

from sparring.registry import Registry

OBJECTIVES = Registry(
    "objective",
    {
        "relativistic": "sparring.objectives.relativistic:Relativistic",
        "cross_entropy": "sparring.objectives.cross_entropy:CrossEntropy",
    },
)
