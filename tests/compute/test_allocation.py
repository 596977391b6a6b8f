"""Freed memory is used again while computing, and given back afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import resource
import numpy as np
import psutil
from napari_fcn_crf.compute.allocation import keep_freed_memory, return_freed_memory

if {keep}:
    keep_freed_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(50_000_000, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
kept = psutil.Process().memory_info().rss
return_freed_memory()
print((kept - psutil.Process().memory_info().rss) // 2**20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
@pytest.mark.parametrize("keep", [True, False])
def test_freed_memory_is_kept_until_it_is_returned(keep: bool) -> None:
    command = [sys.executable, "-c", _PROGRAM.format(keep=keep)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    faults, returned = map(int, printed.split())
    # 200 MB are 48828 pages, or a hundred huge ones.
    assert (faults < 20) == keep
    assert (returned > 150) == keep
