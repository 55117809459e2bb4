"""Distance between the power spectra of two sets of images: blur and upsampling artefacts show here."""

import numpy as np

from sparring.metrics.estimate import Estimate, jackknife

BATCH = 256
FAINT = 1e-8  # of the mean power, added everywhere so that an empty ring has a logarithm


def ring_powers(images: np.ndarray) -> np.ndarray:
    """Power of each image in rings of equal spatial frequency (Durall et al. 2020, section 3.1).

    Rings are one cycle per shorter side wide, up to the Nyquist frequency; the mean is left out.

    Args:
        images: shape (n, height, width, channels), real numbers.

    Returns:
        Mean power of each ring and channel, float64, shape (n, rings, channels).
    """
    member = _membership(*images.shape[1:3])
    parts = [_batch_powers(images[i : i + BATCH], member) for i in range(0, len(images), BATCH)]
    return np.concatenate(parts)


def _membership(height: int, width: int) -> np.ndarray:
    """Weights that average frequencies (height * width, in fft order) over each ring."""
    short = min(height, width)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]).ravel()
    rings = np.maximum(np.rint(frequency * short), 1) * (frequency > 0)
    member = (rings == np.arange(1, short // 2 + 1)[:, None]).astype(np.float64)
    return member / member.sum(1, keepdims=True)


def _batch_powers(images: np.ndarray, member: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.fft2(images.astype(np.float64), axes=(1, 2), norm="ortho")) ** 2
    return member @ power.reshape(len(images), -1, images.shape[-1])


def spectrum_distance(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Root mean square difference of the mean log spectra, in decibel; 0 for equal spectra.

    Args:
        a: ring powers of one set, shape (n, rings, channels).
        b: ring powers of the other, shape (m, rings, channels).

    Returns:
        The distance with a jackknife's interval. Of equal spectra it is above 0, as the floor is: noise is in both.
    """
    faint = FAINT * float(a.mean() + b.mean()) / 2 + np.finfo(np.float64).tiny
    found = jackknife(lambda x, y: _decibel(x.mean(0), y.mean(0), faint), a, b)
    return Estimate(found.value, max(0.0, found.low), found.high)


def _decibel(a: np.ndarray, b: np.ndarray, faint: float) -> float:
    difference = 10 * (np.log10(a + faint) - np.log10(b + faint))
    return float(np.sqrt((difference**2).mean()))
