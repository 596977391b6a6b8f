"""A small model, and a folder of images that it was trained on the like of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_fcn_crf as nfc


@pytest.fixture(scope="session")
def model_path(
    tmp_path_factory: pytest.TempPathFactory, tiny_image: np.ndarray, tiny_labels: np.ndarray
) -> Path:
    """A model of two classes, 3 and 7, for RGB images."""
    path = tmp_path_factory.mktemp("model") / "cat.keras"
    model = nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=15))
    nfc.save_model(model, path)
    return path


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
