"""What this machine can do."""

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import torch

# of mallopt(3): M_MMAP_THRESHOLD and M_TRIM_THRESHOLD; never give memory back, and what glibc grows to by itself
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_KEEP = {_MMAP_THRESHOLD: 2**30, _TRIM_THRESHOLD: 2**30}
_GIVE_BACK = {_MMAP_THRESHOLD: 2**25, _TRIM_THRESHOLD: 2**26}


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


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """While entered, freed memory stays with the process, where the C library is glibc; all of it goes back after.

    Every training step frees its arrays and asks for as large ones again. Without this glibc returns them to the
    system in between, and each page of them has to be mapped and cleared anew: about a tenth of a step on a CPU.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    _set(library, _KEEP)
    try:
        yield
    finally:
        _set(library, _GIVE_BACK)
        library.malloc_trim(0)


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """While entered, PyTorch computes with so many threads; as many as before where None."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _set(library: ctypes.CDLL, thresholds: dict[int, int]) -> None:
    for option, size in thresholds.items():
        library.mallopt(option, size)


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
