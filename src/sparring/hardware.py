"""What this machine can do."""

import os
import platform
from pathlib import Path

import torch


def default_device() -> torch.device:
    """The GPU of this process where there is one, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 are faster than in float32: AVX-512 BF16 or AMX, or Ampere and later."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool({"avx512_bf16", "amx_bf16"} & cpu_flags())


def cpu_flags() -> set[str]:
    """The processor's feature flags as Linux names them; empty elsewhere."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return set()
    lines = (line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("flags"))
    return set(next(lines, "").split())


def describe(device: torch.device) -> str:
    """The device in words, such as "AMD EPYC, 2 threads, avx512_bf16"."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    features = sorted({"avx2", "avx512f", "avx512_bf16", "amx_bf16"} & cpu_flags())
    return ", ".join([_cpu_name(), f"{torch.get_num_threads()} threads", *features])


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
