"""The table of extractors: a kind, and where it is defined."""

from sparring.registry import Registry

EXTRACTORS = Registry(
    "extractor",
    {
        "pixels": "sparring.extractors.pixels:Pixels",
        "standardised": "sparring.extractors.pixels:Standardised",
        "pca": "sparring.extractors.pca:PCA",
        "random_conv": "sparring.extractors.random_conv:RandomConv",
        "discriminator": "sparring.extractors.discriminator:DiscriminatorFeatures",
    },
)
