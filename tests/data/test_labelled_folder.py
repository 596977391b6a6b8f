"""Images and labels that belong together, by their names."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_fcn_crf.data.labelled_folder import find_pairs


def write(path: Path, side: int = 8) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((side, side), 7, np.uint8)).save(path)


def names(folder: Path) -> list[tuple[str, str]]:
    return [(pair.image.name, pair.labels.name) for pair in find_pairs(folder)]


def test_labels_beside_their_images(tmp_path):
    for name in ("b.png", "b_labels.png", "a.jpg", "a_Mask.tif", "without.png", "notes.txt"):
        if name != "notes.txt":
            write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    assert names(tmp_path) == [("a.jpg", "a_Mask.tif"), ("b.png", "b_labels.png")]
    image, labels = find_pairs(tmp_path)[1].read()
    assert image.spatial_shape == labels.shape == (8, 8)


@pytest.mark.parametrize("inside", ["labels", "masks", "annotations", "scribbles"])
def test_labels_in_a_folder_of_their_own(tmp_path, inside):
    write(tmp_path / "images" / "cell_1.tif")
    write(tmp_path / inside / "cell_1.png")
    write(tmp_path / "images" / "cell_2.tif")
    write(tmp_path / inside / "cell_2_labels.png")
    assert names(tmp_path) == [("cell_1.tif", "cell_1.png"), ("cell_2.tif", "cell_2_labels.png")]


def test_two_label_files_for_one_image_are_refused(tmp_path):
    for name in ("a.png", "a_labels.png", "a_mask.tif"):
        write(tmp_path / name)
    with pytest.raises(ValueError, match=r"a has two, a_labels\.png and a_mask\.tif"):
        find_pairs(tmp_path)


def test_a_folder_without_pairs_is_refused(tmp_path):
    write(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"e\.g\. cell\.tif and cell_labels\.tif"):
        find_pairs(tmp_path)
    with pytest.raises(ValueError, match="is none"):
        find_pairs(tmp_path / "a.png")
