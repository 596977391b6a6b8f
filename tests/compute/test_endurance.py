"""A compute process that has done much is no larger than one that has done little."""

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.settings import TrainingSettings

# What malloc has given out: unlike resident memory it does not depend on how it came about.
_ALLOCATED = """
import ctypes

class Mallinfo(ctypes.Structure):
    _fields_ = [(f"field_{number}", ctypes.c_size_t) for number in range(10)]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Mallinfo
task.outputs["bytes"] = mallinfo().field_7
"""


def allocated_bytes(service: ComputeService) -> int:
    """Memory that the compute process has allocated and not freed."""
    task = service._running.child._service.task(_ALLOCATED)
    task.wait_for()
    return task.outputs["bytes"]


@pytest.mark.long
@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="other C libraries do not tell what they have allocated",
)
def test_training_again_and_again_takes_no_more_memory(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path, once = tmp_path / "model.keras", TrainingRequest(TrainingSettings(iterations=1))

    def rounds(count: int) -> int:
        for _ in range(count):
            warm_service.train([image], [labels], once, path).result()
            warm_service.predict(path, image).result()
        return allocated_bytes(warm_service)

    before = rounds(2)
    assert rounds(5) - before < 1.2 * 2**20
