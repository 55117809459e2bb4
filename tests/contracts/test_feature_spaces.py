"""Every extractor: float64 features, row by row, fixed by its name and reference."""

import numpy as np
import pytest

from sparring.extractors.build import build_extractor
from sparring.extractors.table import EXTRACTORS


class Model:
    def features(self, rows: np.ndarray) -> np.ndarray:
        return np.tanh(rows.reshape(len(rows), -1)[:, :7]).astype(np.float32)


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (60, 10, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", EXTRACTORS)
def test_features_are_float64_and_belong_to_their_row(kind: str, rows: np.ndarray) -> None:
    extractor = build_extractor(kind, model=Model(), reference=rows)
    features = extractor(rows)
    assert features.dtype == np.float64
    assert features.ndim == 2
    assert np.isfinite(features).all()
    np.testing.assert_allclose(extractor(rows[::-1][:7]), features[::-1][:7], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", EXTRACTORS)
def test_the_full_name_builds_the_same_features(kind: str, rows: np.ndarray) -> None:
    first = build_extractor(kind, model=Model(), reference=rows)
    again = build_extractor(first.name, model=Model(), reference=rows)
    assert again.name == first.name
    np.testing.assert_array_equal(again(rows), first(rows))
