"""How the bundled weights were made: scenes, episodes, the pretext task, resuming, exporting."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from pretraining import data_dependent, train
from pretraining.data_dependent import initialise_from_images, typical_patches
from pretraining.episodes import N_CLASSES, crop_and_turn, draw_strokes, episode
from pretraining.export import bundled_arrays
from pretraining.ridge import AtPoints, RidgeHead
from pretraining.scene_stream import Source, batches
from pretraining.scenes import scene
from pretraining.shapes import SHAPES, Mask, vessels
from pretraining.textures import coloured_noise
from tests.fuzzing import tiny_reference, tiny_widths
from tests.test_pretraining_corpus import write_image
from tests.weights.writers import write_npz


def test_a_seed_stands_for_one_scene() -> None:
    image, classes = Source().numbered(3, 5)
    again, same_classes = Source().numbered(3, 5)
    other, _ = Source().numbered(3, 6)
    np.testing.assert_array_equal(image, again)
    np.testing.assert_array_equal(classes, same_classes)
    assert not np.array_equal(image, other)


def test_scenes_have_several_classes_and_contrast() -> None:
    rng = np.random.default_rng(0)
    n_classes = []
    for _ in range(12):
        image, classes = scene(rng, 96)
        assert image.shape == (96, 96, 3)
        assert image.dtype == np.uint8
        assert classes.shape == (96, 96)
        assert classes.max() < N_CLASSES
        assert image.std() > 0
        n_classes.append(len(np.unique(classes)))
    assert max(n_classes) >= 3
    assert np.mean(n_classes) >= 2


@pytest.mark.parametrize("shape", dict.fromkeys(SHAPES), ids=lambda shape: shape.__name__)
def test_shapes_cover_part_of_the_image(shape: object) -> None:
    assert callable(shape)
    masks: list[Mask] = [shape(np.random.default_rng(seed), 96) for seed in range(6)]
    assert all(mask.shape == (96, 96) and mask.dtype == bool for mask in masks)
    assert 0 < np.mean(masks) < 1


def test_vessels_are_thin() -> None:
    from scipy.ndimage import distance_transform_edt

    mask = vessels(np.random.default_rng(1), 128)
    assert 0 < distance_transform_edt(mask).max() <= 6


def test_coloured_noise_has_the_slope_asked_for() -> None:
    noise = np.mean(
        [
            np.abs(np.fft.rfft2(coloured_noise(np.random.default_rng(seed), 128, 1.5))) ** 2
            for seed in range(4)
        ],
        axis=0,
    )
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)[None])
    chosen = (frequency > 0.05) & (frequency < 0.4)
    slope, _ = np.polyfit(np.log(frequency[chosen]), np.log(noise[chosen]), 1)
    # Power falls twice as fast as amplitude; the lowest frequency is added to all.
    assert -3.1 < slope < -2.5


def test_strokes_stay_in_their_class() -> None:
    rng = np.random.default_rng(0)
    classes = np.zeros((64, 64), np.uint8)
    classes[20:40, 10:13] = 1
    where = np.flatnonzero(classes.ravel() == 1)
    for _ in range(20):
        pixels = draw_strokes(rng, classes, where, 50)
        assert 1 <= len(pixels) <= 50
        assert (classes.flat[pixels] == 1).all()


def test_an_episode_is_about_its_own_crop() -> None:
    image, classes = Source().numbered(0, 1)
    rng = np.random.default_rng(4)
    made = episode(rng, image, classes, 96, 60, 80)
    again = np.random.default_rng(4)
    _, crop = crop_and_turn(again, image, classes, 96)
    assert made.image.shape == (96, 96, 3)
    assert made.points.shape == (140, 2)
    asked = crop[made.points[60:, 0], made.points[60:, 1]]
    np.testing.assert_array_equal(made.answers, asked)
    painted = made.targets.sum(axis=1) > 0
    on_strokes = crop[made.points[:60, 0], made.points[:60, 1]]
    np.testing.assert_array_equal(made.targets.argmax(axis=1)[painted], on_strokes[painted])
    per_class = made.targets.sum(axis=0)
    np.testing.assert_allclose(per_class[per_class > 0], 1, rtol=1e-5)
    known = per_class[made.answers] > 0
    np.testing.assert_array_equal(made.weights, known.astype(np.float32))


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_points_are_interpolated_as_upsampling_does(stride: int) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, 6, 5, 3)).astype(np.float32)
    upsampled = features
    if stride > 1:
        upsample = keras.layers.UpSampling2D(stride, interpolation="bilinear")
        upsampled = keras.ops.convert_to_numpy(upsample(features))
    points = rng.integers(0, (6 * stride, 5 * stride), (2, 40, 2)).astype(np.int32)
    found = keras.ops.convert_to_numpy(AtPoints(stride)(features, points))[:, :, 0]
    expected = np.stack([upsampled[b][points[b, :, 0], points[b, :, 1]] for b in range(2)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_ridge_head_tells_apart_what_is_linearly_separable() -> None:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, (2, 120))
    centres = rng.normal(size=(3, 8)) * 3
    features = (centres[classes] + rng.normal(size=(2, 120, 8)) * 0.1).astype(np.float32)
    targets = np.eye(N_CLASSES, dtype=np.float32)[classes[:, :40]] / 40
    head = RidgeHead(40)
    logits = keras.ops.convert_to_numpy(head(features[:, :, None], targets))
    assert logits.shape == (2, 80, N_CLASSES)
    np.testing.assert_array_equal(logits.argmax(axis=-1), classes[:, 40:])
    # Classes without a stroke cannot be answered.
    assert (logits[..., 3:] < -1e3).all()


def test_typical_patches_find_the_directions_of_the_data() -> None:
    rng = np.random.default_rng(0)
    directions = np.eye(9)[[1, 4, 7]]
    which = rng.integers(0, 3, 3000)
    patches = directions[which] * rng.uniform(2, 3, (3000, 1)) + rng.normal(size=(3000, 9)) * 0.02
    kernel = typical_patches(rng, patches.astype(np.float32), 6)
    response = (patches - patches.mean(axis=0)) @ kernel
    for index in range(3):
        means = response[which == index].mean(axis=0)
        others = response[which != index].mean(axis=0)
        assert (means - others).max() > 0.5 * np.abs(response).max()


def test_starting_weights_give_outputs_of_unit_spread() -> None:
    image = keras.Input((None, None, 3), name="image")
    first = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(image)
    second = keras.layers.Conv2D(8, 3, padding="same", name="second")(first)
    network = keras.Model(image, second)
    pixels = np.stack([Source().numbered(1, number)[0] for number in range(4)]).astype(np.float32)
    initialise_from_images(network, pixels, ["first", "second"], seed=0)
    response = network.predict(pixels, verbose=0)[:, 2:-2, 2:-2]
    np.testing.assert_allclose(response.std(axis=(0, 1, 2)), 1, atol=0.25)
    np.testing.assert_allclose(response.mean(axis=(0, 1, 2)), 0, atol=0.25)


def _train(monkeypatch: pytest.MonkeyPatch, folder: Path, *options: str) -> list[dict[str, float]]:
    """Train on next to nothing and return the log."""
    monkeypatch.setattr(train, "_VALIDATION_IMAGES", 2)
    monkeypatch.setattr(train, "_STARTING_IMAGES", 8)
    monkeypatch.setattr(data_dependent, "_PATCHES", 1500)
    monkeypatch.setattr(train, "batches", partial(batches, warm_up=8))
    tiny_widths(monkeypatch)
    given = ["train", str(folder), "--report", "1", "--batch", "2", *options]
    monkeypatch.setattr(sys, "argv", given)
    train.main()
    return [json.loads(line) for line in (folder / train.LOG).read_text().splitlines()]


@pytest.mark.long
def test_training_goes_on_where_it_ended_or_with_some_layers_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = partial(_train, monkeypatch)
    assert [line["step"] for line in run(tmp_path, "--steps", "1")] == [1]
    log = run(tmp_path, "--steps", "3")
    assert [line["step"] for line in log] == [1, 2, 3]
    assert all(np.isfinite(line["loss"]) for line in log)
    assert 0 <= log[-1]["validation_accuracy"] <= 1
    with np.load(tmp_path / "average.npz", allow_pickle=False) as file:
        average = dict(file)
    arrays = bundled_arrays(average)
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float16)}
    assert {"block1_conv1/kernel", "fc7/bias", "hyper_conv5/kernel"} <= set(arrays)

    start = ["--start", str(tmp_path / "average.npz"), "--renew", "block5", "fc6", "--seed", "7"]
    run(tmp_path / "anew", "--steps", "1", *start)
    with np.load(tmp_path / "anew" / "average.npz", allow_pickle=False) as found:
        moved = {path: np.abs(found[path] - average[path]).max() for path in average}
    assert moved["block4_conv3/kernel"] < 1e-3
    assert moved["block5_conv1/kernel"] > 0.01
    assert moved["fc6/kernel"] > 0.01


@pytest.mark.long
def test_real_images_and_a_teacher_train_the_same_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny_widths(monkeypatch)
    write_npz(tmp_path / "vgg.npz", tiny_reference())
    write_image(tmp_path / "corpus" / "bsds500", "a", 120)
    (line,) = _train(
        monkeypatch,
        tmp_path / "run",
        *("--steps", "1", "--side", "64", "--coarse", "--leak", "0.1", "--real", "1"),
        *("--corpus", str(tmp_path / "corpus"), "--teacher", str(tmp_path / "vgg.npz")),
    )
    assert np.isfinite(list(line.values())).all()
    assert {"taught_loss", "validation_accuracy_fcn32s"} <= set(line)
    with np.load(tmp_path / "run" / "average.npz", allow_pickle=False) as average:
        arrays = bundled_arrays(average)
    assert {"block5_conv3/kernel", "fc7/kernel", "hyper_norm/gain"} <= set(arrays)
    assert not any("predicted" in name or "fcn" in name for name in arrays)


def test_weights_too_large_for_half_precision_are_refused() -> None:
    average = {"fc6/kernel": np.array([1e6], np.float32), "ridge/gain": np.ones(2, np.float32)}
    with pytest.raises(ValueError, match="fc6/kernel"):
        bundled_arrays(average)
