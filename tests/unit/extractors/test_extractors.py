"""Extractors: their names, what they keep, and that they are fixed by the reference alone."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sparring.data.source import Spec
from sparring.errors import UsageError
from sparring.extractors.build import build_extractor, default_extractor
from sparring.extractors.pca import PCA


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return (load_digits().images[..., None] * 15).astype(np.uint8)


SHAPES = [(8, 8, 1), (9, 13, 3), (28, 28, 1), (70, 100, 4), (24, 6), (8, 1), (140, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_random_conv_takes_any_image_or_series(shape: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (20, *shape), dtype=np.uint8)
    extractor = build_extractor("random_conv-64", reference=rows)
    features = extractor(rows)
    assert extractor.name == "random_conv-64"
    assert features.shape == (20, 64)
    assert features.dtype == np.float64
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-9)


def test_random_conv_does_not_depend_on_global_state_or_batching(digits: np.ndarray) -> None:
    first = build_extractor("random_conv", reference=digits[:600])(digits[:600])
    torch.manual_seed(12345)
    second = build_extractor("random_conv-512", reference=digits[:600])
    np.testing.assert_array_equal(first, second(digits[:600]))
    np.testing.assert_allclose(first[:3], second(digits[:3]), atol=1e-5)


def test_random_conv_ignores_the_units_of_the_data(digits: np.ndarray) -> None:
    plain = build_extractor("random_conv-64", reference=digits)(digits[:50])
    other_units = digits.astype(np.float64) * 37 - 1000
    scaled = build_extractor("random_conv-64", reference=other_units)(other_units[:50])
    np.testing.assert_allclose(plain, scaled, atol=1e-3)


def test_random_conv_keeps_what_tells_digits_apart(digits: np.ndarray) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    labels = load_digits().target
    features = build_extractor("random_conv-512", reference=digits[:1000])(digits)
    score = KNeighborsClassifier(1).fit(features[:1000], labels[:1000]).score(features[1000:], labels[1000:])
    assert score > 0.9


def test_missing_cells_become_the_mean_and_never_nan(digits: np.ndarray) -> None:
    holes = digits.astype(np.float32)
    holes[::2, 3, 3] = np.nan
    for name in ["pixels", "standardised", "pca-5", "random_conv-32"]:
        assert np.isfinite(build_extractor(name, reference=holes)(holes)).all(), name
    standard = build_extractor("standardised", reference=holes)(holes)
    assert standard[0, 3 * 8 + 3] == 0


def test_pixels_are_scaled_by_the_range_of_their_dtype() -> None:
    rows = np.array([[0, 255], [51, 0]], np.uint8)
    np.testing.assert_array_equal(build_extractor("pixels")(rows), [[0, 1], [0.2, 0]])
    np.testing.assert_array_equal(build_extractor("pixels")(rows.astype(np.float32)), rows)
    np.testing.assert_array_equal(build_extractor("pixels")(np.array([[65535]], np.uint16)), [[1.0]])


def test_standardised_has_unit_moments_and_survives_constants() -> None:
    rows = np.random.default_rng(0).normal(5, 3, (500, 4))
    rows[:, 2] = 7
    features = build_extractor("standardised", reference=rows)(rows)
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(features.std(0), [1, 1, 0, 1], atol=1e-12)


def test_pca_keeps_the_variance_that_the_spectrum_says(digits: np.ndarray) -> None:
    extractor = PCA(digits, 10)
    flat = digits.reshape(len(digits), -1).astype(np.float64)
    spectrum = np.linalg.svd(flat - flat.mean(0), compute_uv=False) ** 2
    kept = (extractor(digits) ** 2).sum()
    assert kept == pytest.approx(spectrum[:10].sum(), rel=1e-9)
    assert PCA(digits, 500).name == "pca-64"
    np.testing.assert_allclose(PCA(digits, 64).invert(PCA(digits, 64)(digits)), flat, atol=1e-8)


def test_discriminator_features_come_from_the_model(digits: np.ndarray) -> None:
    class Fake:
        def features(self, rows: np.ndarray) -> np.ndarray:
            return rows.reshape(len(rows), -1)[:, :3].astype(np.float32)

    features = build_extractor("discriminator", model=Fake())(digits)
    np.testing.assert_array_equal(features, digits.reshape(len(digits), -1)[:, :3])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random_cnv", "There is no extractor named 'random_cnv'. Did you mean 'random_conv'?"),
        ("pca-x", "The name of an extractor must be a kind or 'kind-size'. Got 'pca-x'. Try 'pca-64'."),
        ("pixels-3", "The name of an extractor must be a kind or 'kind-size'. Got 'pixels-3'. Use 'pixels'."),
        ("pca-4", "The extractor 'pca' needs reference rows. Pass `reference`."),
        ("discriminator", "The extractor 'discriminator' needs a trained model. Pass `model`."),
    ],
)
def test_a_wrong_name_gets_one_sentence(name: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        build_extractor(name)
    assert str(error.value) == message


def test_random_conv_refuses_vectors_and_odd_sizes(digits: np.ndarray) -> None:
    with pytest.raises(UsageError, match="must be images or series"):
        build_extractor("random_conv", reference=np.zeros((10, 5)))
    with pytest.raises(UsageError, match="a positive multiple of 32"):
        build_extractor("random_conv-50", reference=digits)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (Spec("image", (28, 28, 1), "uint8"), "random_conv-512"),
        (Spec("series", (24, 6), "float32"), "random_conv-512"),
        (Spec("series", (5, 6), "float32"), "standardised"),
        (Spec("vector", (30,), "float64"), "standardised"),
        (Spec("vector", (784,), "float64"), "pca-64"),
    ],
)
def test_the_default_follows_the_form(spec: Spec, name: str) -> None:
    assert default_extractor(spec) == name


def test_principal_components_of_a_table_do_not_depend_on_its_units():
    rows = np.random.default_rng(0).normal(size=(300, 5)) @ np.random.default_rng(1).normal(size=(5, 5))
    units = np.array([1.0, 1000.0, 1e-6, 1.0, 30.0])
    plain, scaled = PCA(rows, 3), PCA(rows * units, 3)
    np.testing.assert_allclose(np.abs(scaled(rows * units)), np.abs(plain(rows)), atol=1e-8)
    np.testing.assert_allclose(PCA(rows * units, 5).invert(PCA(rows * units, 5)(rows * units)), rows * units)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint32])
def test_wide_integers_are_told_apart_by_their_pixels(dtype: type) -> None:
    rows = np.arange(40).reshape(10, 2, 2, 1).astype(dtype)
    features = build_extractor("pixels", reference=rows)(rows)
    np.testing.assert_array_equal(features, rows.reshape(10, 4))


def test_no_channel_of_a_series_decides_the_components_by_its_unit() -> None:
    rng = np.random.default_rng(0)
    series = rng.normal(size=(200, 6, 2))
    plain, scaled = (PCA(rows, 4) for rows in (series, series * [1e6, 1e-3] + [5.0, 1.0]))
    np.testing.assert_allclose(np.abs(plain(series)), np.abs(scaled(series * [1e6, 1e-3] + [5.0, 1.0])), rtol=1e-6)
    np.testing.assert_allclose(scaled.variances, plain.variances, rtol=1e-6)
