"""Run folders as training and evaluation leave them, made without training."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from sparring.data.cache import write_cache
from sparring.data.pictures import save_grid
from sparring.data.source import ArraySource, Spec

LATENT = 6


class FakeModel:
    """Samples are training items with a little noise; `generate` mixes them by the latent's softmax."""

    def __init__(self, rows, spec):
        self.rows = rows
        self.spec = spec
        self.facts = {"samples": 1000}

    def latents(self, count, seed=0):
        return torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed))

    def sample(self, count, seed=0):
        rng = np.random.default_rng(seed)
        rows = self.rows[rng.integers(0, len(self.rows), count)]
        return self._as_data(rows + 0.04 * np.ptp(self.rows) * rng.normal(size=rows.shape))

    def generate(self, z):
        weights = torch.softmax(3 * z, dim=1).double().numpy()
        return self._as_data(np.tensordot(weights, self.rows[:LATENT].astype(np.float64), axes=1))

    def features(self, rows):
        return rows.reshape(len(rows), -1)[:, ::2].astype(np.float32)

    def _as_data(self, rows):
        if self.spec.dtype == "uint8":
            rows = np.clip(np.rint(rows), 0, 255)
        return rows.astype(self.spec.dtype)


def digits():
    rows = np.rint(load_digits().images * 255 / 16).astype(np.uint8)[..., None]
    return rows, Spec("image", (8, 8, 1), "uint8", squeezed=True)


def ring():
    rng = np.random.default_rng(0)
    angle = rng.integers(0, 8, 600) * np.pi / 4
    rows = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.05 * rng.normal(size=(600, 2))
    return rows.astype(np.float32), Spec("vector", (2,), "float32", names=("x", "y"))


def table():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 7)) + 0.1 * rng.normal(size=(500, 7))
    return rows.astype(np.float32), Spec("vector", (7,), "float32")


def waves():
    rng = np.random.default_rng(0)
    phase = 2 * np.pi * rng.random((300, 1)) + np.linspace(0, 9, 32)
    rows = np.stack([np.sin(phase), 0.5 * np.cos(phase)], axis=2)
    return rows.astype(np.float32), Spec("series", (32, 2), "float32")


KINDS = {"digits": digits, "ring": ring, "table": table, "waves": waves}


def write_history(folder, end=400_000, shift=0.0):
    rng = np.random.default_rng(1)
    events = []
    for samples in range(2_000, end + 1, 2_000):
        share = samples / end
        events.append(
            {
                "event": "step",
                "samples": samples,
                "d_loss": 0.4 + 0.3 * np.exp(-6 * share) + 0.02 * rng.normal() + shift,
                "g_loss": 1.0 - 0.3 * np.exp(-6 * share) + 0.04 * rng.normal(),
                "r1": 0.03 * np.exp(-2 * share + 0.2 * rng.normal()),
                "r2": 0.02 * np.exp(-2 * share + 0.2 * rng.normal()),
                "variance": 1 - np.exp(-8 * share) + 0.02 * rng.normal(),
                "samples_per_second": 5200.0,
            }
        )
        if samples % 20_000 == 0:
            distance = 0.004 + 0.08 * np.exp(-5 * share) + 0.004 * max(0, share - 0.8) + shift / 50
            best = distance < 0.0055 + shift
            events.append({"event": "validation", "samples": samples, "kernel_distance": distance, "best": best})
        if samples == 150_000:
            events.append({"event": "resumed_at", "samples": samples})
        if samples == 240_000:
            reason = "the samples' variance fell to 0.03 of the data's"
            events.append({"event": "rollback", "samples": samples, "reason": reason})
    text = "The budget of 400,000 samples was used up; the checkpoint at 360,000 was kept."
    events.append({"event": "end", "samples": end, "text": text})
    lines = [json.dumps(event, default=float) for event in events]
    (folder / "history.jsonl").write_text("\n".join(lines) + "\n" + '{"event": "step", "samp')


METRICS = {
    "measures": [
        {
            "name": "frechet",
            "value": 3.41,
            "low": 3.22,
            "high": 3.7,
            "n": 797,
            "floor": 1.02,
            "better": "lower",
            "extractor": "discriminator",
            "protocol": "797 samples against 797 held-out items, bootstrap of 200",
            "baselines": {"gaussian": 21.7, "copy with noise": {"value": 3.9, "low": 3.6, "high": 4.2}},
        },
        {
            "name": "density",
            "value": 0.94,
            "low": 0.9,
            "high": 0.99,
            "n": 797,
            "floor": 1.0,
            "better": "higher",
            "extractor": "discriminator",
            "protocol": "k = 5",
            "baselines": {"gaussian": 0.31, "copy with noise": 0.97},
        },
        {
            "name": "coverage",
            "value": 0.83,
            "low": 0.8,
            "high": 0.86,
            "n": 797,
            "floor": 0.97,
            "better": "higher",
            "extractor": "discriminator",
            "protocol": "k = 5",
            "baselines": {"gaussian": 0.22, "copy with noise": 0.93},
        },
    ],
    "verdict": [
        "The samples are close to real digits, and four in five kinds of real digit are among them.",
        "Training items with noise cover the data better than the model does: it misses rarer forms.",
    ],
    "n": 797,
    "same_as_training": True,
}


def build_run(folder, kind="digits", metrics=METRICS, shift=0.0):
    """A run folder of the data set `kind`; returns the folder and what loads its model."""
    rows, spec = KINDS[kind]()
    folder.mkdir(parents=True)
    write_cache(ArraySource(rows, spec), folder / "cache")
    config = {
        "version": "0.1.0",
        "hardware": "2 cores of a CPU with bf16, 8 GB",
        "data": {"path": f"/data/{kind}.npz", "form": "array", "fingerprint": f"{kind}00ff"},
        "decisions": [
            "Preset conv: small images, a budget of minutes.",
            "gamma 0.6, falling to 0.06: 0.01 times the mean squared distance of the data to its mean.",
            "bf16 and channels_last: 1.8 times as fast as float32 on this machine.",
        ],
        "config": {
            "preset": "conv",
            "seed": 0,
            "network": {"name": "conv", "width": 32},
            "objective": {"name": "relativistic"},
            "penalties": {"names": ["r1", "r2"], "gamma": 0.6},
        },
    }
    (folder / "config.json").write_text(json.dumps(config))
    cleaned = {
        "found": 1803,
        "kept": 1797,
        "counts": {"corrupt": 3, "empty": 1},
        "skipped": [
            {"name": "scan 07.png", "reason": "corrupt", "detail": "the file ends early"},
            {"name": "empty.png", "reason": "empty", "detail": "0 bytes"},
        ],
        "duplicates": [{"name": "b/0012.png", "of": "a/0001.png"}],
        "notes": [],
    }
    (folder / "cleaned.json").write_text(json.dumps(cleaned))
    if metrics:
        (folder / "metrics.json").write_text(json.dumps(metrics))
    write_history(folder, shift=shift)
    model = FakeModel(rows, spec)
    for samples in range(0, 400_001, 40_000 if kind == "digits" else 200_000):
        blur = 1 - samples / 400_000
        shown = (1 - blur) * model.sample(36, samples) + blur * rows.mean(axis=0)
        save_grid(shown.astype(spec.dtype), spec, folder / "samples" / f"{samples:09d}.png", reference=rows)
    return folder, lambda run: model


@pytest.fixture
def make_run(tmp_path):
    return lambda kind, name="run", shift=0.0: build_run(tmp_path / name, kind, shift=shift)


@pytest.fixture
def digits_run(make_run):
    return make_run("digits")
