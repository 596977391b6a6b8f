"""Of a lazy image, training reads what surrounds the strokes."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest

from napari_fcn_crf.data.channels import ChannelStack
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.pipeline import training, training_input
from napari_fcn_crf.pipeline.lazy_images import read_for_training
from napari_fcn_crf.settings import TrainingSettings

SIDE, CHUNK = 4096, 128
SETTINGS = TrainingSettings(iterations=2, mode="quick", dropout=0.0)


class Counting:
    """An array that notes which of its chunks are read."""

    def __init__(self, pixels: npt.NDArray[Any], chunk: int) -> None:
        self.read: set[tuple[int, ...]] = set()

        def note(block: npt.NDArray[Any], block_info: Any = None) -> npt.NDArray[Any]:
            if block_info:
                self.read.add(tuple(block_info[0]["chunk-location"]))
            return block

        chunks = (*(1,) * (pixels.ndim - 2), chunk, chunk)
        self.array = da.from_array(pixels, chunks).map_blocks(note, dtype=pixels.dtype)
        self.total = int(np.prod(self.array.numblocks))
        self.read.clear()


@pytest.fixture(scope="module")
def pixels() -> npt.NDArray[np.uint16]:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 1000, (SIDE, SIDE), dtype=np.uint16)
    image[:, 1024:] += 2000
    return image


@pytest.fixture(scope="module")
def strokes() -> npt.NDArray[np.uint8]:
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for row, column, value in ((400, 500, 3), (1500, 1500, 7), (1510, 1480, 7), (900, 300, 3)):
        labels[row : row + 6, column : column + 6] = value
    return labels


def test_only_what_surrounds_the_strokes_is_read(
    pixels: npt.NDArray[np.uint16], strokes: npt.NDArray[np.uint8]
) -> None:
    lazy = Counting(pixels, CHUNK)
    found = training.train(lazy.array, strokes, TrainingSettings(iterations=0))
    assert 0 < len(lazy.read) < 0.35 * lazy.total
    assert found.card.class_values == (3, 7)
    # Intensities are those of what was read, which half of the time is a dark place.
    expected = IntensityMapping.fit(pixels[..., np.newaxis])
    np.testing.assert_allclose(found.card.intensity.high, expected.high, rtol=0.05)


def test_a_lazy_image_of_bytes_trains_as_one_in_memory(
    pixels: npt.NDArray[np.uint16], strokes: npt.NDArray[np.uint8]
) -> None:
    eight_bit = (pixels // 12).astype(np.uint8)
    found = training.train(Counting(eight_bit, CHUNK).array, strokes, SETTINGS)
    expected = training.train(eight_bit, strokes, SETTINGS)
    # Rates and the scale of features are fitted to a sample of the image, or of what was read.
    np.testing.assert_allclose(found.card.losses, expected.card.losses, rtol=0.2)


def test_of_a_stack_only_planes_with_strokes_are_read() -> None:
    generator = np.random.default_rng(0)
    stack = generator.integers(0, 255, (5, 64, 96), dtype=np.uint8)
    labels = np.zeros(stack.shape, np.uint8)
    labels[3, 5:9, 5:9], labels[3, 40:44, 70:74] = 1, 2
    lazy = Counting(stack, 32)
    read = read_for_training([Picture(lazy.array, "zyx")], [labels], SETTINGS)
    assert {location[0] for location in lazy.read} == {3}
    np.testing.assert_array_equal(read.images[0], stack[3][..., np.newaxis])
    np.testing.assert_array_equal(read.labels[0], labels[3])
    assert read.are_patches == [False]


@pytest.mark.parametrize("axes", ["yxc", "cyx"])
def test_patches_have_their_pixels_and_labels(
    axes: str, pixels: npt.NDArray[np.uint16], strokes: npt.NDArray[np.uint8]
) -> None:
    two = np.stack([pixels, pixels // 2], axis=axes.index("c"))
    read = read_for_training([Picture(da.from_array(two), axes)], [strokes], SETTINGS)
    (image,), (labels,) = read.images, read.labels
    assert read.are_patches == [True]
    assert image.shape == (*labels.shape, 2)
    assert np.bincount(labels.ravel())[1:].tolist() == np.bincount(strokes.ravel())[1:].tolist()
    assert sorted(image[labels == 7][:, 1]) == sorted((pixels // 2)[strokes == 7])


def test_channels_of_several_lazy_layers_are_read_in_parts(
    pixels: npt.NDArray[np.uint16], strokes: npt.NDArray[np.uint8]
) -> None:
    first, second = Counting(pixels, CHUNK), Counting(pixels // 2, CHUNK)
    picture = Picture(ChannelStack([first.array, second.array]), "yxc")
    (image,) = read_for_training([picture], [strokes], SETTINGS).images
    assert image.shape[-1] == 2
    assert len(first.read) < 0.35 * first.total
    assert len(second.read) < 0.35 * second.total


def test_a_mask_of_a_lazy_image_is_read_with_all_of_it() -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 255, (64, 96), dtype=np.uint8)
    labels = (image > 100).astype(np.uint8)
    settings = TrainingSettings(labels="mask")
    read = read_for_training([Picture(da.from_array(image), "yx")], [labels], settings)
    np.testing.assert_array_equal(read.images[0][..., 0], image)


def test_more_than_fits_into_memory_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when the memory is full."""
    monkeypatch.setattr(training_input, "_free_bytes", lambda: 200_000)
    monkeypatch.setattr(training_input, "_WORTH_A_LOOK_BYTES", 1000)
    generator = np.random.default_rng(0)
    image = generator.integers(0, 255, (200, 300), dtype=np.uint8)
    labels = (image > 100).astype(np.uint8)
    with pytest.raises(ValueError, match=r"needs 0 GB of memory.*smaller part of it, or paint"):
        training.train(image, labels, TrainingSettings(labels="mask"))
