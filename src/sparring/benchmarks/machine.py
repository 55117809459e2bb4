"""Where and with which code a figure was made: commit, processor, accelerator, versions."""

import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import sparring

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


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
    """The processor's model, cores and vector features, and the accelerator's name where there is one."""
    import torch

    facts = _processor_facts()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    return {
        "processor": facts.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "features": [feature for feature in FEATURES if feature in flags],
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def describe(facts: dict[str, Any]) -> str:
    """The hardware in one line."""
    features = f" ({', '.join(facts['features'])})" if facts["features"] else ""
    accelerator = f", {facts['accelerator']}" if facts["accelerator"] else ""
    return f"{facts['processor']}, {facts['cores']} cores{features}{accelerator}"


def _processor_facts() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 1, "", "")
