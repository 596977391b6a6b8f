"""One saved model gives the same probabilities, whatever Keras computes with."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.backends

BACKENDS = [name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name)]

TRAIN = """
import sys
import numpy as np
import napari_fcn_crf as nfc
pixels = np.load(sys.argv[1])
settings = nfc.TrainingSettings(architecture=sys.argv[3], weights="random", iterations=10)
nfc.save_model(nfc.train(pixels["image"], pixels["labels"], settings), sys.argv[2])
"""

PREDICT = """
import sys
import numpy as np
import napari_fcn_crf as nfc
image = np.load(sys.argv[1])["image"]
np.save(sys.argv[3], nfc.predict(nfc.load_model(sys.argv[2]), image))
"""


def run(backend: str, code: str, *arguments: object) -> None:
    """Run code in a process of its own, since a process has one backend."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(len(BACKENDS) < 2, reason=f"only {BACKENDS} is installed")
@pytest.mark.parametrize("architecture", ["hypercolumn", "fcn8s"])
def test_backends_agree(
    tmp_path: Path, tiny_image: np.ndarray, tiny_labels: np.ndarray, architecture: str
) -> None:
    pixels, model = tmp_path / "pixels.npz", tmp_path / "model.keras"
    np.savez(pixels, image=tiny_image, labels=tiny_labels)
    run(BACKENDS[-1], TRAIN, pixels, model, architecture)
    predicted = []
    for backend in BACKENDS:
        path = tmp_path / f"{backend}.npy"
        run(backend, PREDICT, pixels, model, path)
        predicted.append(np.load(path))
    assert np.ptp(predicted[0]) > 0.05  # or they would agree on nothing
    for other in predicted[1:]:
        np.testing.assert_allclose(other, predicted[0], atol=1e-4)
