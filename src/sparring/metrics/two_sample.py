"""Classifier two-sample test: can a simple classifier tell generated items from real ones?"""

import numpy as np

from sparring.metrics.estimate import Estimate, proportion
from sparring.rng import numpy_stream


def two_sample_accuracy(real: np.ndarray, fake: np.ndarray, rng: np.random.Generator | None = None) -> Estimate:
    """Held-out accuracy of a logistic regression between two samples (Lopez-Paz and Oquab 2017).

    Half of each sample trains it, the other half is judged; both sides are cut to equal size.

    Args:
        real: features of real items, shape (n, d), n >= 4.
        fake: features of generated items, shape (m, d), m >= 4.
        rng: deals the items into halves; a fixed one where None.

    Returns:
        The accuracy with Wilson's interval: about 0.5 when the samples cannot be told apart, 1 when always.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = numpy_stream(0, "two_sample") if rng is None else rng
    n = min(len(real), len(fake))
    real, fake = (rows[rng.permutation(len(rows))[:n]] for rows in (real, fake))
    train = np.concatenate([real[: n // 2], fake[: n // 2]])
    test = np.concatenate([real[n // 2 :], fake[n // 2 :]])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, solver="newton-cholesky"))
    classifier.fit(train, np.repeat([0, 1], n // 2))
    hits = classifier.predict(test) == np.repeat([0, 1], n - n // 2)
    return proportion(int(hits.sum()), len(test))
