"""The scikit-learn faces of a trained model."""

from sparring.estimators.gan import GAN

__all__ = ["GAN"]
