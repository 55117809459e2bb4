"""The other processes of a run that torchrun started: joining them, and averaging over them."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from sparring.hardware import default_device


@contextlib.contextmanager
def processes() -> Iterator[bool]:
    """Join the other processes where torchrun started several; yields whether this one is the first."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield True
        return
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=timedelta(days=1))
    if torch.cuda.is_available() and int(os.environ.get("LOCAL_RANK", "0")) < torch.cuda.device_count():
        torch.cuda.set_device(default_device())
    try:
        yield dist.get_rank() == 0
    finally:
        dist.destroy_process_group()


def rank() -> int:
    """This process's number, 0 where there is only one."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def wait_for_all() -> None:
    """Return when every process has come here."""
    if dist.is_initialized():
        dist.barrier()


def from_first(value: float) -> float:
    """The first process's value, in every process."""
    if not dist.is_initialized():
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(shared, 0)
    return shared.item()


def share_first(tensors: Sequence[Tensor]) -> None:
    """Fill tensors with what the first process has in them."""
    if dist.is_initialized():
        for tensor in tensors:
            dist.broadcast(tensor, 0)


@contextlib.contextmanager
def first_alone() -> Iterator[bool]:
    """The first process works while the others wait; where it fails, they leave quietly and it tells.

    Yields:
        Whether this is the first process.

    Raises:
        SystemExit: in the other processes, when the first one failed.
    """
    if rank() > 0:
        yield False
        if not from_first(0.0):
            raise SystemExit(1)
        return
    try:
        yield True
    except BaseException:
        from_first(0.0)
        raise
    from_first(1.0)


def together(rows: Tensor) -> Tensor:
    """The rows of all processes, in their order.

    A gradient that every process takes through its own rows and `average` then averages is that of all rows.
    """
    if not dist.is_initialized():
        return rows
    own, world = rows.detach().contiguous(), dist.get_world_size()
    parts = [torch.empty_like(own) for _ in range(world)]
    dist.all_gather(parts, own)
    parts[dist.get_rank()] = own + world * (rows - own)
    return torch.cat(parts)


@torch.no_grad()
def average(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The means of tensors over all processes, in one collective, each in its own shape, float32."""
    flat = torch.cat([tensor.detach().reshape(-1).float() for tensor in tensors])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    parts = flat.split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]
