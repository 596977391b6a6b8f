"""A small model, and a folder of images that it was trained on the like of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_fcn_crf as nfc
from napari_fcn_crf.batch import segmentation


@pytest.fixture(scope="session")
def model_path(
    tmp_path_factory: pytest.TempPathFactory, tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> Path:
    """A model of two classes, 3 and 7, for RGB images."""
    path = tmp_path_factory.mktemp("model") / "cat.keras"
    model = nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=15))
    nfc.save_model(model, path)
    return path


@pytest.fixture(scope="session")
def model(model_path: Path) -> nfc.Model:
    """What is in `model_path`."""
    return nfc.load_model(model_path)


@pytest.fixture(autouse=True)
def _one_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands of this process share `model`: loading and tracing it takes longest."""
    if "model_path" not in request.fixturenames:
        return
    model_path, model = (request.getfixturevalue(name) for name in ("model_path", "model"))

    def load(path: Path) -> nfc.Model:
        return model if path == model_path else nfc.load_model(path)

    monkeypatch.setattr(segmentation, "load_model", load)


@pytest.fixture
def plate(tmp_path: Path, tiny_image: np.ndarray) -> Path:
    """A folder of four images: the cat, turned and flipped."""
    folder = tmp_path / "plate"
    folder.mkdir()
    for name, image in {
        "a1": tiny_image,
        "a2": tiny_image[::-1],
        "a3": tiny_image[:, ::-1],
        "a4": tiny_image[::-1, ::-1],
    }.items():
        tifffile.imwrite(folder / f"{name}.tif", image)
    return folder
