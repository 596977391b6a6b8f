"""Label images and probabilities come back from files as they were, and other files are refused."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_fcn_crf import image_files


def test_probabilities_come_back_with_their_class_values(tmp_path: Path) -> None:
    # Three planes are what a TIFF reader would take for red, green and blue.
    values = np.random.default_rng(0).dirichlet([1, 1, 1], (9, 7)).transpose(2, 0, 1)
    values = values.astype(np.float32)
    path = tmp_path / "p.tif"
    image_files.write_probabilities(path, values, (1, 4, 70_000))
    read = image_files.read_probabilities(path)
    np.testing.assert_array_equal(read.values, values)
    assert read.values.dtype == np.float32
    assert read.class_values == (1, 4, 70_000)


def test_probabilities_of_another_program_get_numbers_for_classes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.tif", np.full((2, 9, 7), 0.5), photometric="minisblack")
    assert image_files.read_probabilities(tmp_path / "p.tif").class_values == (0, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_labels_come_back(tmp_path: Path, dtype: type) -> None:
    labels = (np.arange(63).reshape(9, 7) * 4).astype(dtype)
    image_files.write_labels(tmp_path / "l.tif", labels)
    read = image_files.read_labels(tmp_path / "l.tif")
    np.testing.assert_array_equal(read, labels)
    assert read.dtype == dtype


def test_a_palette_png_gives_its_indices(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(6, dtype=np.uint8), 4).reshape(6, 4)
    image = Image.fromarray(labels)
    image.putpalette([value for color in range(6) for value in (color * 40, 255 - color, 7)])
    image.save(tmp_path / "voc.png")
    np.testing.assert_array_equal(image_files.read_labels(tmp_path / "voc.png"), labels)


@pytest.mark.parametrize("name", ["image.png", "image.jpg", "image.tif"])
def test_images_are_read(tmp_path: Path, name: str, tiny_image: np.ndarray) -> None:
    path = tmp_path / name
    if path.suffix == ".tif":
        tifffile.imwrite(path, tiny_image)
    else:
        Image.fromarray(tiny_image).save(path)
    read = image_files.read_image(path)
    assert read.shape == tiny_image.shape
    assert path.suffix == ".jpg" or np.array_equal(read, tiny_image)


@pytest.mark.parametrize("reader", ["read_image", "read_labels", "read_probabilities"])
@pytest.mark.parametrize("name", ["text.tif", "text.png", "empty.tif", "half.tif", "half.png"])
def test_what_is_no_image_is_refused_by_its_name(
    tmp_path: Path, reader: str, name: str, tiny_image: np.ndarray
) -> None:
    path = tmp_path / name
    if name.startswith("half"):
        image_files.write_labels(tmp_path / "whole.tif", tiny_image[..., 0])
        Image.fromarray(tiny_image[..., 0]).save(tmp_path / "whole.png")
        whole = (tmp_path / f"whole{path.suffix}").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_text("" if name.startswith("empty") else "This is no image.")
    with pytest.raises(ValueError, match=rf"Expected .*{name}"):
        getattr(image_files, reader)(path)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_gray_labels_may_be_stored_as_colour(tmp_path: Path, mode: str) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(labels).convert(mode).save(tmp_path / "labels.png")
    np.testing.assert_array_equal(image_files.read_labels(tmp_path / "labels.png"), labels)


def test_what_cannot_be_labels_is_refused(tmp_path: Path, tiny_image: np.ndarray) -> None:
    Image.fromarray(tiny_image).save(tmp_path / "colour.png")
    with pytest.raises(ValueError, match=r"colour\.png is a colour image"):
        image_files.read_labels(tmp_path / "colour.png")
    Image.fromarray(tiny_image[..., 0]).save(tmp_path / "lossy.jpg")
    with pytest.raises(ValueError, match=r"lossy\.jpg is a JPEG"):
        image_files.read_labels(tmp_path / "lossy.jpg")
    with pytest.raises(ValueError, match="is a folder"):
        image_files.read_labels(tmp_path)
    with pytest.raises(ValueError, match="there is no file"):
        image_files.read_labels(tmp_path / "none.tif")


def test_a_label_image_is_no_probabilities(tmp_path: Path) -> None:
    image_files.write_labels(tmp_path / "l.tif", np.zeros((9, 7), np.int32))
    with pytest.raises(ValueError, match=r"has the shape \(9, 7\)"):
        image_files.read_probabilities(tmp_path / "l.tif")
