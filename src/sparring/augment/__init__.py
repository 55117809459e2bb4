"""The table of augmentations: what the discriminator sees in the place of plain items."""

from sparring.registry import Registry

AUGMENTS = Registry("augmentation", {"images": "sparring.augment.images:ImageAugment"})
