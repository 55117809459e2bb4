"""What changes while training, as formulas of the progress: samples seen / samples in all, from 0 to 1."""

import math


def cosine(progress: float, start: float, end: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def geometric(progress: float, start: float, end: float) -> float:
    """From `start` to `end` along half a cosine of the logarithm; both must be positive, or equal."""
    return start if start == end else math.exp(cosine(progress, math.log(start), math.log(end)))


def after(progress: float, hold: float) -> float:
    """Progress of a change that begins at `hold`: 0 until then, 1 at the end."""
    return max(0.0, progress - hold) / (1.0 - hold) if hold < 1.0 else 0.0


def gamma(progress: float, start: float, fall: float) -> float:
    """The penalties' weight: from `start` to `start * fall` over the first half, as R3GAN lowers it in a burn-in."""
    return geometric(2.0 * progress, start, start * fall) if start else 0.0


def probability(progress: float, most: float) -> float:
    """Of an item being augmented: from 0 to `most` along half a cosine over the first half, as in R3GAN."""
    return cosine(2.0 * progress, 0.0, most)


def learning_rate(progress: float, base: float, warmup: float, hold: float, end: float) -> float:
    """Linear rise over `warmup`, constant until `hold`, then down to `base * end` along a half cosine."""
    rise = min(1.0, progress / warmup) if warmup > 0 else 1.0
    return base * max(rise, 1e-3) * cosine(after(progress, hold), 1.0, end)


def second_moment(progress: float, start: float, end: float) -> float:
    """Adam's beta2: 1 - beta2 falls geometrically from 1 - start to 1 - end over the first half, as in R3GAN."""
    return 1.0 - geometric(2.0 * progress, 1.0 - start, 1.0 - end)
