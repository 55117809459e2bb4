"""`GAN` as its users meet it: what goes in, what comes out, and what it refuses."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch.utils.data import IterableDataset, TensorDataset

import sparring
import sparring.cli.main
from sparring import GAN, training
from sparring.errors import DataError, RunError, SparringWarning, UsageError
from sparring.model import Model

SMALL = {"network.width": 8, "network.latent": 5, "validation.points": 2}


def tiny(network: str = "mlp", **options) -> GAN:
    settings = {**SMALL, "network.name": network, **options.pop("settings", {})}
    return GAN(**{"samples": 96, "random_state": 0, "settings": settings, **options})


def vectors(n: int = 80, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal([0.0, 10.0, -5.0], [1.0, 2.0, 0.1], (n, 3))


def pictures(n: int = 80, shape: tuple[int, ...] = (8, 8, 3)) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, *shape), dtype=np.uint8)


def same_weights(one: GAN, other: GAN) -> bool:
    ours, theirs = one.model_.tensors(), other.model_.tensors()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.fixture(scope="module")
def on_vectors() -> GAN:
    return tiny().fit(vectors())


@pytest.fixture(scope="module")
def on_pictures(tmp_path_factory) -> GAN:
    return tiny("conv", run=tmp_path_factory.mktemp("runs") / "pictures").fit(pictures())


# --- the way in ---------------------------------------------------------------------------------------------------


def test_sparring_alone_imports_no_torch():
    look = (
        "import sys, sparring; assert 'GAN' in dir(sparring); print('torch' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'GUN'"):
        _ = sparring.GUN


def test_it_trains_as_the_command_line_does(tmp_path):
    X = vectors()
    gan = tiny(random_state=3).fit(X)
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    run = training.train(X, tmp_path / "run", samples=96, seed=seed, settings=gan.settings, progress=False)
    expected = Model.load(run).tensors()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in gan.model_.tensors().items())


def test_the_temporary_run_is_gone_after_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tiny().fit(vectors())
    assert list(tmp_path.iterdir()) == []


def test_a_named_run_stays_and_is_not_overwritten(on_pictures):
    assert (Path(on_pictures.run) / "history.jsonl").is_file()
    with pytest.raises(UsageError, match="new or empty folder"):
        clone(on_pictures).fit(pictures())


# --- forms of X ---------------------------------------------------------------------------------------------------


def test_vectors(on_vectors):
    samples = on_vectors.sample(50)
    assert (samples.shape, samples.dtype) == ((50, 3), np.float64)
    assert (on_vectors.n_features_in_, on_vectors.run_) == (3, None)
    # in the data's own units: the scaler clips to the range that training saw
    assert (samples >= vectors().min(0) - 1e-4).all()
    assert (samples <= vectors().max(0) + 1e-4).all()


def test_n_iter_counts_steps(on_vectors):
    batch = on_vectors.model_.config.optimiser.batch
    assert on_vectors.n_iter_ == on_vectors.model_.facts["samples"] / batch >= 1


def test_pictures(on_pictures):
    samples = on_pictures.sample(7)
    assert (samples.shape, samples.dtype) == ((7, 8, 8, 3), np.uint8)
    assert on_pictures.n_features_in_ == 8 * 8 * 3


def test_grey_pictures_keep_their_form():
    gan = tiny().fit(pictures(40, (9, 8)))
    assert gan.model_.spec.kind == "image"
    assert gan.sample(2).shape == (2, 9, 8)
    assert gan.inverse_transform(np.zeros((3, 5))).shape == (3, 9, 8)


def test_pictures_of_another_depth_or_without_colour_are_brought_to_the_form_trained_on():
    gan, shown = tiny().fit(pictures()), pictures(5)
    assert np.array_equal(gan.transform(shown), gan.transform(shown.astype(np.uint16) * 257))
    grey = pictures(5, (8, 8, 1))
    assert np.array_equal(gan.transform(grey), gan.transform(np.repeat(grey, 3, axis=3)))
    with pytest.raises(UsageError, match=r"The items must be images of 1 channels in uint8 .*Got 'images of 3"):
        tiny().fit(pictures(80, (8, 8, 1))).transform(shown)
    with pytest.raises(UsageError, match="The items must be images of 3 channels in uint8"):
        gan.transform(shown / 255)


def test_pictures_of_another_size_are_brought_to_the_size_trained_at():
    X = pictures(40, (12, 16))
    gan = tiny(settings={"data.resolution": [8, 8]}).fit(X)
    assert gan.sample(2).shape == (2, 8, 8)
    assert gan.transform(X).shape == (40, 5)


def test_series():
    X = np.random.default_rng(0).normal(size=(40, 12, 2)).astype(np.float32)
    gan = tiny().fit(X)
    assert (gan.sample(4).shape, gan.sample(4).dtype) == ((4, 12, 2), np.float32)
    with pytest.raises(UsageError, match=r"series of shape \(12, 2\).*Got 'series of shape \(11, 2\)'"):
        gan.transform(X[:, :11])


def test_whole_numbers_stay_whole():
    X = np.random.default_rng(0).integers(-5, 6, (40, 3))
    samples = tiny().fit(X).sample(20)
    assert samples.dtype == X.dtype
    assert set(samples.ravel()) <= set(range(-5, 6))


def test_a_path_is_the_same_as_its_array(tmp_path, on_vectors):
    np.save(tmp_path / "items.npy", vectors())
    from_path = tiny().fit(tmp_path / "items.npy")
    assert same_weights(from_path, on_vectors)
    np.testing.assert_array_equal(on_vectors.transform(str(tmp_path / "items.npy")), from_path.transform(vectors()))


def test_a_list_and_a_frame_without_array_protocol(on_vectors):
    class Frame:
        def to_numpy(self) -> np.ndarray:
            return vectors()

    assert same_weights(tiny().fit(vectors().tolist()), on_vectors)
    assert same_weights(tiny().fit(Frame()), on_vectors)


def test_a_dataset_of_tuples_is_its_first_entries(on_vectors):
    items = TensorDataset(torch.from_numpy(vectors()), torch.zeros(80))
    assert same_weights(tiny().fit(items), on_vectors)
    np.testing.assert_array_equal(on_vectors.score_samples(items), on_vectors.score_samples(vectors()))


def test_a_dataset_of_pictures_becomes_channels_last(on_pictures):
    items = TensorDataset(torch.from_numpy(pictures()).permute(0, 3, 1, 2))
    np.testing.assert_array_equal(on_pictures.transform(items), on_pictures.transform(pictures()))


def test_a_dataset_that_cannot_be_stacked_is_refused():
    class Stream(IterableDataset):
        def __iter__(self):
            yield torch.zeros(3)

    class Ragged(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 20

        def __getitem__(self, index):
            return torch.zeros(2 + index % 2)

    with pytest.raises(UsageError, match=r"map-style, with a length\. Got 'Stream'"):
        tiny().fit(Stream())
    with pytest.raises(UsageError, match="numbers of one shape"):
        tiny().fit(Ragged())


def test_missing_cells_are_known_from_fit_or_refused(on_vectors):
    X = vectors()
    X[::7, 1] = np.nan
    assert np.isfinite(tiny().fit(X).transform(X)).all()
    with pytest.raises(ValueError, match="NaN"):
        on_vectors.transform(X)


def test_a_row_without_any_value_has_no_answer():
    X = vectors()
    X[::7, 1] = np.nan
    gan = tiny().fit(X)
    X[4] = np.nan
    with pytest.raises(DataError, match="row 4"):
        gan.transform(X)
    with pytest.raises(DataError, match=r"must have a value\. Got row 4: .* Leave such items out\."):
        tiny().fit(X)


def test_categories_that_are_numbers_are_numbers_and_others_are_named():
    pd = pytest.importorskip("pandas")
    X = vectors().round()
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(X[:, 1]), "c": X[:, 2]})
    plain = pd.DataFrame(X, columns=["a", "b", "c"])
    np.testing.assert_array_equal(tiny().fit(frame).transform(frame), tiny().fit(plain).transform(plain))
    frame["b"] = pd.Categorical(np.where(X[:, 1] > 0, "high", "low"))
    with pytest.raises(ValueError, match=r"The columns of X must be of numbers\. Got 'b'|could not convert string"):
        tiny().fit(frame)


def test_what_is_not_used_is_said(tmp_path):
    for number, picture in enumerate(pictures()):
        Image.fromarray(picture).save(tmp_path / f"{number:02d}.png")
    (tmp_path / "05.png").write_bytes(b"damaged")
    (tmp_path / "06.png").write_bytes((tmp_path / "07.png").read_bytes())
    said = r"Not all of .* is used: \d+ found, \d+ usable \(1 corrupt, 1 duplicate\); the first is '05\.png': corrupt"
    with pytest.warns(SparringWarning, match=said):
        gan = tiny().fit(tmp_path)
    with pytest.warns(SparringWarning, match=said):
        assert len(gan.transform(tmp_path)) == len(pictures()) - 1


# --- answers ------------------------------------------------------------------------------------------------------


def test_score_is_the_discriminator(on_vectors):
    items = (vectors() - vectors().mean(0)) / vectors().std(0)
    scaler = on_vectors.model_.scaler
    np.testing.assert_allclose(scaler.to_model(vectors()).numpy(), items, atol=0.5)
    with torch.no_grad():
        logits = on_vectors.model_.discriminator(scaler.to_model(vectors()))
    np.testing.assert_allclose(on_vectors.score_samples(vectors()), logits.numpy(), atol=1e-5)
    assert on_vectors.score_samples(vectors()).dtype == np.float64


def test_transform_and_its_inverse_are_encoder_and_decoder(on_vectors):
    model = on_vectors.model_
    with torch.no_grad():
        items = model.scaler.to_model(vectors())
        codes = model.encoder.codes(model.encoder.read(model.discriminator.features(items), items))
        items = model.decoder(codes)
        shorter = model.decoder(codes * torch.tensor([1, 1, 0, 0, 0]))
    np.testing.assert_allclose(on_vectors.transform(vectors()), codes.numpy(), atol=1e-5)
    np.testing.assert_allclose(on_vectors.inverse_transform(codes.numpy()), model.scaler.to_data(items), rtol=1e-4)
    np.testing.assert_allclose(
        on_vectors.inverse_transform(codes[:, :2].numpy()), model.scaler.to_data(shorter), rtol=1e-4
    )
    with pytest.raises(UsageError, match=r"shape \(n, 5\) or narrower. Got \(2, 6\)"):
        on_vectors.inverse_transform(np.zeros((2, 6)))


def test_reconstruct_says_how_far_it_is():
    taught = tiny("conv", samples=9600).fit(pictures(150))  # long enough for more to be painted than the mean
    result = taught.reconstruct(pictures(6), dim=3, steps=5)
    assert (result.codes.shape, result.reconstructed.shape) == ((6, 3), (6, 8, 8, 3))
    own = ((result.rows.astype(float) - pictures(6)) ** 2).reshape(6, -1).mean(1)
    np.testing.assert_allclose(result.errors, own)
    unrefined = taught.reconstruct(pictures(6), dim=3, steps=0)
    np.testing.assert_allclose(unrefined.codes, taught.transform(pictures(6))[:, :3], atol=1e-5)
    assert (result.errors <= unrefined.errors + 1e-9).all()
    alone = taught.reconstruct(pictures(6)[2:3], dim=3, steps=5)
    np.testing.assert_allclose(alone.codes, result.codes[2:3], atol=1e-4)
    with pytest.raises(UsageError, match="from 1 to 5"):
        taught.reconstruct(pictures(6), dim=6)
    with pytest.raises(UsageError, match="0 or more"):
        taught.reconstruct(pictures(6), steps=-1)


@pytest.mark.parametrize("network", ["mlp", "conv", "residual"])
def test_an_answer_depends_on_its_own_item_alone(network):
    X = pictures(150)
    gan = tiny(network, samples=32).fit(X)
    together, order = gan.transform(X), np.random.default_rng(0).permutation(150)
    np.testing.assert_array_equal(gan.transform(X[order]), together[order])
    np.testing.assert_array_equal(np.concatenate([gan.transform(X[i : i + 1]) for i in range(5)]), together[:5])
    np.testing.assert_array_equal(gan.transform(X[:77]), together[:77])


def test_sample_follows_the_random_state(on_vectors):
    first = on_vectors.sample(5)
    np.testing.assert_array_equal(on_vectors.sample(5), first)
    np.testing.assert_array_equal(on_vectors.sample(5, random_state=0), first)
    assert not np.array_equal(on_vectors.sample(5, random_state=1), first)
    stream = np.random.RandomState(0)
    np.testing.assert_array_equal(on_vectors.sample(5, random_state=stream), first)
    assert not np.array_equal(on_vectors.sample(5, random_state=stream), first)
    with pytest.raises(UsageError, match="1 or more"):
        on_vectors.sample(0)


def test_fit_follows_the_random_state(on_vectors):
    assert same_weights(tiny().fit(vectors()), on_vectors)
    assert not same_weights(tiny(random_state=1).fit(vectors()), on_vectors)


def test_evaluate_knows_its_training_items_where_there_is_a_run(on_pictures, on_vectors):
    result = on_pictures.evaluate(pictures(120)[80:], n=40)
    assert result.n == 40
    assert "memorisation" in result
    assert on_pictures.evaluate(pictures(), n=40).same_as_training
    fresh = on_vectors.evaluate(vectors(seed=5))
    assert "memorisation" not in fresh
    assert not fresh.same_as_training
    assert on_vectors.evaluate(vectors()).same_as_training


# --- save and load ------------------------------------------------------------------------------------------------


def test_what_is_saved_comes_back(tmp_path, on_vectors):
    on_vectors.save(tmp_path / "model")
    back = GAN.load(tmp_path / "model")
    assert same_weights(back, on_vectors)
    np.testing.assert_array_equal(back.score_samples(vectors()), on_vectors.score_samples(vectors()))
    np.testing.assert_array_equal(back.sample(4, random_state=0), on_vectors.sample(4))
    assert (back.n_iter_, back.n_features_in_) == (on_vectors.n_iter_, 3)
    assert back.evaluate(vectors()).same_as_training
    on_vectors.save(tmp_path / "model")


def test_a_run_folder_is_loaded_with_its_items(on_pictures):
    back = GAN.load(on_pictures.run)
    assert same_weights(back, on_pictures)
    assert "memorisation" in back.evaluate(pictures(120)[80:], n=40)


def test_save_replaces_nothing_but_a_saved_model(tmp_path, on_vectors, on_pictures):
    with pytest.raises(UsageError, match="nothing is overwritten"):
        on_vectors.save(on_pictures.run)
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(UsageError, match="a new folder or a saved model"):
        on_vectors.save(tmp_path / "notes")


def test_loading_what_is_no_model(tmp_path):
    with pytest.raises(RunError, match="no checkpoint"):
        GAN.load(tmp_path)


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        lambda gan: gan.sample(1),
        lambda gan: gan.transform(vectors()),
        lambda gan: gan.score_samples(vectors()),
        lambda gan: gan.inverse_transform(np.zeros((1, 5))),
        lambda gan: gan.evaluate(vectors()),
        lambda gan: gan.save("nowhere"),
    ],
)
def test_nothing_is_answered_before_fit(ask):
    with pytest.raises(NotFittedError):
        ask(tiny())


def test_wrong_forms_are_refused(on_vectors, on_pictures):
    with pytest.raises(ValueError, match="X has 2 features, but GAN is expecting 3"):
        on_vectors.transform(vectors()[:, :2])
    with pytest.raises(UsageError, match="vectors of shape"):
        on_vectors.transform(pictures())
    with pytest.raises(UsageError, match=r"3 channels in uint8.*Got 'images of 3 channels in float64'"):
        on_pictures.transform(pictures() / 255.0)


def test_settings_are_checked():
    with pytest.raises(UsageError, match="one of minutes, samples or epochs"):
        tiny(minutes=1.0).fit(vectors())
    with pytest.raises(UsageError, match="Did you mean 'mlp'"):
        tiny(preset="mpl").fit(vectors())
    with pytest.raises(DataError, match=r"at least 10 items\. Got 'n_samples=9, n_features=3'"):
        tiny().fit(vectors(9))


def test_several_processes_must_share_a_run(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="all processes share"):
        tiny().fit(vectors())


# --- among other estimators ---------------------------------------------------------------------------------------


def test_in_a_pipeline():
    pipeline = make_pipeline(PCA(2), tiny())
    features = pipeline.fit_transform(vectors())
    assert features.shape == (80, 5)
    assert list(pipeline.get_feature_names_out()) == [f"gan{i}" for i in range(5)]


@parametrize_with_checks([tiny(preset="mlp", samples=32)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_floats_of_another_width_are_the_same_images():
    images = np.random.default_rng(0).random((40, 8, 8, 1))
    narrow = images.astype(np.float32)
    on_wide, on_narrow = tiny("conv").fit(images), tiny("conv").fit(narrow)
    np.testing.assert_allclose(on_wide.score_samples(narrow), on_wide.score_samples(images), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(on_narrow.score_samples(images), on_narrow.score_samples(narrow), rtol=1e-3, atol=1e-4)


def test_models_that_are_saved_side_by_side_leave_each_other_alone(on_vectors, on_pictures, tmp_path):
    on_vectors.save(tmp_path / "m")
    (tmp_path / "m" / "notes.txt").write_text("mine")
    on_pictures.save(tmp_path / "m.new")
    on_pictures.save(tmp_path / "m.old")
    for _ in range(2):
        on_vectors.save(tmp_path / "m")
    assert same_weights(GAN.load(tmp_path / "m"), on_vectors)
    assert same_weights(GAN.load(tmp_path / "m.new"), on_pictures)
    assert same_weights(GAN.load(tmp_path / "m.old"), on_pictures)
    assert (tmp_path / "m" / "notes.txt").read_text() == "mine"


def test_columns_keep_their_names_in_the_run(tmp_path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(vectors(), columns=["a", "b", "c"])
    gan = tiny(run=tmp_path / "run").fit(frame)
    back = GAN.load(tmp_path / "run")
    assert list(back.feature_names_in_) == list(gan.feature_names_in_) == ["a", "b", "c"]
    assert back.evaluate(frame).same_as_training
    assert sparring.cli.main.main(["sample", str(tmp_path / "run"), "--out", str(tmp_path / "new.csv"), "-n", "3"]) == 0
    assert list(pd.read_csv(tmp_path / "new.csv").columns) == ["a", "b", "c"]


def test_a_configuration_of_something_else_is_told(tmp_path, on_vectors, on_pictures):
    on_vectors.save(tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text("{}")
    assert GAN.load(tmp_path / "model").run_ is None
    import shutil

    copy = shutil.copytree(on_pictures.run, tmp_path / "copy")
    (copy / "config.json").write_text('{"version": ')
    with pytest.raises(RunError, match="cannot be read as the configuration of a run"):
        GAN.load(copy)


def test_a_data_set_may_hold_tensors_that_gradients_flow_through():
    rows = torch.from_numpy(vectors())
    found = tiny().fit(TensorDataset(rows.clone().requires_grad_()))
    assert same_weights(found, tiny().fit(TensorDataset(rows)))
