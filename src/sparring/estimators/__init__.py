"""The scikit-learn faces of a trained model."""

from sparring.estimators.gan import GAN
from sparring.estimators.transformer import GANTransformer

__all__ = ["GAN", "GANTransformer"]
