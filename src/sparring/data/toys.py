"""Two-dimensional mixtures whose density is known, as in PacGAN (Lin et al. 2018, arXiv 1712.04086)."""

from dataclasses import dataclass

import numpy as np

NUM_POINTS = 100_000


@dataclass(frozen=True)
class Toy:
    """A mixture of equally likely round Gaussians in the plane.

    Attributes:
        name: of the set; also the name of its random stream.
        centres: shape (modes, 2).
        sigma: standard deviation of every Gaussian.
    """

    name: str
    centres: np.ndarray
    sigma: float

    def points(self, num_points: int = NUM_POINTS, seed: int = 0) -> np.ndarray:
        """Points drawn from the mixture: shape (num_points, 2), float32."""
        from sparring.rng import numpy_stream

        random = numpy_stream(seed, f"toys/{self.name}")
        modes = random.integers(len(self.centres), size=num_points)
        noise = random.normal(scale=self.sigma, size=(num_points, 2))
        return (self.centres[modes] + noise).astype(np.float32)


def ring() -> Toy:
    """Eight Gaussians of sigma 0.01 on the unit circle."""
    angles = 2 * np.pi * np.arange(8) / 8
    return Toy("ring", np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma=0.01)


def grid() -> Toy:
    """25 Gaussians of sigma 0.05 on {-4, -2, 0, 2, 4} squared."""
    ticks = np.arange(-4.0, 5.0, 2.0)
    return Toy("grid", np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2), sigma=0.05)
