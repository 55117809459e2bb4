"""What the machine does for training."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
import torch
from sparring.hardware import kept_memory

def faults(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = faults(20)
with kept_memory():
    faults(40)
    kept = faults(20)
print(given_back, kept, faults(20))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no such thresholds")
def test_memory_is_kept_while_asked_and_given_back_after() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, timeout=120, check=True)
    before, kept, after = map(int, done.stdout.split())
    assert 10 * kept < before
    assert 10 * kept < after
