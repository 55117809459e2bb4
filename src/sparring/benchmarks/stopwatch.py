"""Times several contestants against each other in one process, by turns, and the machine's matmul peak."""

import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

WARM_UP = 3
SHORTEST = 0.5


def median_seconds(
    contestants: Mapping[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, float]:
    """Seconds of one call of each contestant: the median over rounds in which all take their turn.

    Args:
        contestants: by name; each is called a few times first.
        rounds: how often each takes its turn.
        device: what is waited for before the clock is read.

    Returns:
        Median seconds of a call, by name.
    """
    calls = {name: _calls_a_turn(call, device) for name, call in contestants.items()}
    turns: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            turns[name].append(_time(call, calls[name], device))
    return {name: median(seconds) for name, seconds in turns.items()}


def matmul_peak(dtype: torch.dtype, device: torch.device) -> float:
    """The most floating point operations a second that a large square matrix product reaches here."""
    side = 8192 if device.type == "cuda" else 2048
    a, b = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))
    fastest = min(_time(lambda: a @ b, 3, device) for _ in range(7))
    return 2 * side**3 / fastest


def _calls_a_turn(call: Callable[[], object], device: torch.device) -> int:
    """So many calls that a turn lasts about half a second."""
    _time(call, WARM_UP, device)
    return max(1, round(SHORTEST / _time(call, WARM_UP, device)))


def _time(call: Callable[[], object], count: int, device: torch.device) -> float:
    _wait_for(device)
    start = time.perf_counter()
    for _ in range(count):
        call()
    _wait_for(device)
    return (time.perf_counter() - start) / count


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
