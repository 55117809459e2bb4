"""Where and with which code a figure was made: commit, processor, accelerator, versions."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

import sparring
from sparring.hardware import default_device, describe


def commit() -> str:
    """The commit of the code that runs, "+dirty" where tracked sources differ from it.

    Returns:
        A short hash, or the version where the package was not installed from a checkout.
    """
    root = Path(sparring.__file__).resolve().parents[2]
    found = _git(root, "rev-parse", "--short=12", "HEAD")
    if found.returncode != 0:
        return f"version {sparring.__version__}"
    clean = _git(root, "diff", "--quiet", "HEAD", "--", "src").returncode == 0
    return found.stdout.strip() + ("" if clean else "+dirty")


def hardware() -> dict[str, Any]:
    """The processor in words with its vector features, its cores, and the accelerator where there is one."""
    device = default_device()
    return {
        "processor": describe(torch.device("cpu")),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "accelerator": describe(device) if device.type != "cpu" else None,
    }


def in_words(facts: Mapping[str, Any]) -> str:
    """What `hardware` found, in one line."""
    accelerator = f", {facts['accelerator']}" if facts["accelerator"] else ""
    return f"{facts['processor']}, {facts['cores']} cores{accelerator}"


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 1, "", "")
