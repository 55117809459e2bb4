"""The table of penalties on the discriminator."""

from sparring.registry import Registry

PENALTIES = Registry(
    "penalty",
    {
        "r1": "sparring.penalties.zero_centered:R1",
        "r2": "sparring.penalties.zero_centered:R2",
    },
)
