"""Folders as people have them: which images have which labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf.data.image_files import write_labels
from napari_fcn_crf.data.labelled_folder import find_pairs

IMAGE = np.arange(64, dtype=np.uint8).reshape(8, 8)


def write(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.name.startswith("._"):
        path.write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X        ")
    elif path.suffix.lower() in (".db", ".ini", ".npy") or path.name == ".DS_Store":
        path.write_bytes(b"\0" * 40)
    elif path.name.endswith(".ome.tif"):
        tifffile.imwrite(path, IMAGE, ome=True)
    else:
        kind = {".tif": "TIFF", ".png": "PNG", ".jpg": "JPEG"}[path.suffix.lower()]
        Image.fromarray(IMAGE).save(path, kind)


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("a1.ome.tif", "a1_labels.ome.tif"),
        ("a1.ome.tif", "a1_labels.tif"),
        ("a1.tif", "a1_labels.ome.tif"),
        ("a1.png", "a1_cp_masks.png"),
        ("a1.tif", "a1_cp_masks.tif"),
        ("a1.tif", "a1_seg.tif"),
        ("a1.tif", "a1_mask.png"),
        ("a1.tif", "a1_masks.png"),
        ("a1.tif", "a1-labels.tif"),
        ("a1.TIF", "a1_Labels.TIF"),
        ("a1.JPG", "a1_MASK.PNG"),
        ("image 1 (2).tif", "image 1 (2)_labels.tif"),
        ("zelle ü [3].tif", "zelle ü [3]_labels.tif"),
        ("Images/a1.tif", "Masks/a1.tif"),
        ("IMAGES/a1.tif", "LABELS/a1.png"),
        ("images/a1.ome.tif", "labels/a1.tif"),
        ("image/a1.tif", "label/a1_cp_masks.png"),
        ("imgs/a1_mask.tif", "masks/a1_mask.tif"),
    ],
)
def test_names(tmp_path: Path, image: str, labels: str) -> None:
    write(tmp_path / image)
    write(tmp_path / labels)
    folder = (tmp_path / image).parent
    for name in ("._a1.tif", ".DS_Store", "Thumbs.db", "desktop.ini", "._a1_labels.tif"):
        write(folder / name)
    write(folder / "a1_seg.npy")
    (pair,) = find_pairs(tmp_path)
    assert (pair.image, pair.labels) == (tmp_path / image, tmp_path / labels)
    picture, found = pair.read()
    assert picture.spatial_shape == found.shape == (8, 8)


def test_earlier_results_are_no_images(tmp_path: Path) -> None:
    for name in ("a1.tif", "a1_labels.tif"):
        write(tmp_path / name)
    for name in ("a1_predicted.tif", "b1.tif"):
        write_labels(tmp_path / name, IMAGE, "predict")
    for name in ("a1_predicted_labels.tif", "b1_labels.tif"):
        write(tmp_path / name)
    (pair,) = find_pairs(tmp_path)
    assert (pair.image.name, pair.labels.name) == ("a1.tif", "a1_labels.tif")


def test_a_label_file_is_no_image_of_its_own(tmp_path: Path) -> None:
    for name in ("a.tif", "a_mask.tif", "a_mask_labels.tif"):
        write(tmp_path / name)
    found = [(pair.image.name, pair.labels.name) for pair in find_pairs(tmp_path)]
    assert found == [("a.tif", "a_mask.tif")]
