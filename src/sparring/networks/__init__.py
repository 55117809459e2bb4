"""The tables of networks, by family name."""

from sparring.registry import Registry

GENERATORS = Registry(
    "generator",
    {
        "mlp": "sparring.networks.mlp:MLPGenerator",
        "conv": "sparring.networks.conv:ConvGenerator",
        "skip": "sparring.networks.conv:SkipGenerator",
        "residual": "sparring.networks.residual:ResidualGenerator",
    },
)

DISCRIMINATORS = Registry(
    "discriminator",
    {
        "mlp": "sparring.networks.mlp:MLPDiscriminator",
        "conv": "sparring.networks.conv:ConvDiscriminator",
        "skip": "sparring.networks.conv:ConvDiscriminator",
        "residual": "sparring.networks.residual:ResidualDiscriminator",
    },
)
