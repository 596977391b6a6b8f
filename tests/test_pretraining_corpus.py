"""Real images as material for pretraining, and a teacher's features of them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from napari_fcn_crf.backbones import CONVOLUTIONS
from pretraining.corpus import Corpus, largest_regions
from pretraining.episodes import N_CLASSES, VOID, episode
from pretraining.pretext import HEADS, TAUGHT, make_leaky, pretext_network
from pretraining.teacher import Standard
from tests.fuzzing import TINY


def write_image(folder: Path, name: str, side: int) -> None:
    """Write an image that is dark on the left and bright on the right, and its mask, 3 and 7."""
    folder.mkdir(parents=True, exist_ok=True)
    right = np.tile(np.arange(side) >= side // 2, (side, 1))
    Image.fromarray(np.where(right, 200, 40).astype(np.uint8)).save(folder / f"{name}.jpg")
    Image.fromarray(np.where(right, 7, 3).astype(np.uint8)).save(folder / f"{name}.png")


def test_a_crop_s_classes_are_where_its_mask_s_regions_are(tmp_path: Path) -> None:
    write_image(tmp_path / "bsds500", "a", 80)
    corpus, rng = Corpus(tmp_path), np.random.default_rng(0)
    for _ in range(10):
        image, classes = corpus.crop(rng, 64)
        assert image.shape == (64, 64, 3)
        assert set(np.unique(classes)) == {0, 1}
        bright = image[..., 0] > 120
        agreement = np.mean(bright == (classes == 1))
        assert max(agreement, 1 - agreement) > 0.97


def test_things_are_told_from_what_is_around_them_not_from_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "dsb2018"
    write_image(folder, "a", 80)
    (folder / "binary").mkdir()
    thing = np.tile(np.arange(80) < 4, (80, 1)).astype(np.uint8)
    Image.fromarray(thing).save(folder / "binary" / "a.png")
    _, classes = Corpus(tmp_path).crop(np.random.default_rng(0), 80)
    # Of the other mask, no crop has less than a fifth of either side.
    assert 0 < np.mean(classes == 1) < 0.15


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bsds500"):
        Corpus(tmp_path)


def test_only_the_largest_regions_are_classes() -> None:
    mask = np.full((100, 100), VOID, np.uint8)
    for region in range(9):
        mask[region * 10 : region * 10 + 9 - region // 2, : 90 - region] = region
    mask[99, 99] = 200
    classes = largest_regions(mask)
    assert set(np.unique(classes)) == {*range(N_CLASSES), VOID}
    sizes = [(classes == index).sum() for index in range(N_CLASSES)]
    assert sizes == sorted(sizes, reverse=True)
    assert (classes[mask == 0] == 0).all()
    assert classes[99, 99] == VOID
    mask[mask > 1] = VOID
    mask[99, 99] = 2
    assert set(np.unique(largest_regions(mask))) == {0, 1, VOID}


def test_void_is_neither_painted_nor_asked_for() -> None:
    rng = np.random.default_rng(1)
    classes = np.full((96, 96), VOID, np.uint8)
    classes[:30] = 0
    classes[40:70] = 1
    image = rng.integers(0, 256, (96, 96, 3)).astype(np.uint8)
    made = episode(rng, image, classes, 64, 60, 200)
    assert set(np.unique(made.answers)) <= {0, 1}
    assert 0 < made.weights.mean() < 1
    assert made.targets[:, 2:].sum() == 0


def test_what_a_teacher_says_is_standardised() -> None:
    features = np.random.default_rng(0).gamma(0.3, 50, (3, 40, 1, 5)).astype(np.float32)
    features[..., 4] = 0
    found = keras.ops.convert_to_numpy(Standard()(features))
    assert found.shape == (3, 40, 5)
    np.testing.assert_allclose(found.mean(axis=(0, 1)), 0, atol=1e-4)
    deviation = found.std(axis=(0, 1))
    assert ((deviation[:4] > 0.9) & (deviation[:4] < 1)).all()
    assert deviation[4] == 0


def test_every_head_answers_and_a_leak_reaches_silent_channels() -> None:
    network = pretext_network(64, TINY.widths, coarse=True, taught=TINY.widths)
    assert set(network.output) == {*HEADS, TAUGHT}
    assert network.output[TAUGHT].shape[-1] == 8
    first = network.get_layer(CONVOLUTIONS[0])
    below = keras.ops.convert_to_tensor([[[[-10.0, 10.0]]]])
    first.activation(below)
    make_leaky(network, 0.1)
    found = keras.ops.convert_to_numpy(first.activation(below)).ravel()
    np.testing.assert_allclose(found, [-1, 10], rtol=1e-6)
