"""Named random streams: (seed, stream, position) -> generator, so that nothing depends on a global state."""

import hashlib

import numpy as np
import torch


def stream_seed(seed: int, stream: str, position: int = 0) -> int:
    """A 63-bit seed that depends on all three arguments and on nothing else."""
    digest = hashlib.blake2b(f"{seed}/{stream}/{position}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def torch_stream(seed: int, stream: str, position: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator at the start of the named stream; `position` is the clock in samples seen."""
    generator = torch.Generator(device)
    generator.manual_seed(stream_seed(seed, stream, position))
    return generator


def numpy_stream(seed: int, stream: str, position: int = 0) -> np.random.Generator:
    """A numpy generator at the start of the named stream; `position` is the clock in samples seen."""
    return np.random.default_rng(stream_seed(seed, stream, position))
