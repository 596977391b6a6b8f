"""What a training writes for TensorBoard, read back by TensorBoard."""

from __future__ import annotations

import io
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import napari_fcn_crf as nfc
from napari_fcn_crf.fcn.tensorboard import training_log
from napari_fcn_crf.fcn.tensorboard.event_file import EventFile, histogram_of
from napari_fcn_crf.fcn.tensorboard.training_log import LOSS

FULL = nfc.TrainingSettings(architecture="fcn32s", weights="random", mode="full", iterations=3)
QUICK = nfc.TrainingSettings(architecture="fcn8s", mode="quick", iterations=3)
PIXELS = nfc.TrainingSettings(architecture="hypercolumn", mode="quick", iterations=3)


def read(folder: Path) -> EventAccumulator:
    """Return everything in a folder's event file."""
    everything = {"scalars": 0, "histograms": 0, "images": 0}
    accumulator = EventAccumulator(str(folder), size_guidance=everything)
    return accumulator.Reload()


def steps(events: list[Any]) -> list[int]:
    return [event.step for event in events]


@pytest.mark.parametrize("settings", [FULL, QUICK, PIXELS], ids=["full", "quick", "pixels"])
def test_loss_gradients_and_predictions_are_what_they_were(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path, settings: Any
) -> None:
    model = nfc.train(tiny_image, tiny_labels, settings, tensorboard=tmp_path)
    events = read(tmp_path)
    losses = events.Scalars(LOSS)
    assert steps(losses) == [1, 2, 3]
    np.testing.assert_allclose([event.value for event in losses], model.card.losses, rtol=1e-6)

    trained = {variable.path: variable for variable in model.network.trainable_variables}
    if settings.mode == "quick":
        assert not [name for name in trained if name.startswith("block")]
    assert set(events.Tags()["histograms"]) == {f"gradients/{name}" for name in trained}
    for name, variable in trained.items():
        histograms = events.Histograms(f"gradients/{name}")
        assert steps(histograms) == [1, 2, 3]
        for event in histograms:
            found = event.histogram_value
            assert found.num == sum(found.bucket) == np.prod(variable.shape)
            assert found.min <= found.max
        # Behind scores that are silent nothing has a gradient before the second step.
        assert found.max > found.min or found.num == 1

    assert set(events.Tags()["images"]) == {"probability/class 3", "probability/class 7"}
    images = events.Images("probability/class 7")
    assert steps(images) == [1, 2, 3]
    assert (images[0].height, images[0].width) == tiny_labels.shape
    last = np.asarray(Image.open(io.BytesIO(images[-1].encoded_image_string)))
    expected = nfc.predict(model, tiny_image)[1]
    np.testing.assert_allclose(last / 255, expected, atol=0.5 / 255 + 1e-6)


def test_the_gradients_are_those_of_the_loss(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path
) -> None:
    """After one step Adam's first moments are a tenth of them."""
    settings = replace(FULL, iterations=1)
    model = nfc.train(tiny_image, tiny_labels, settings, tensorboard=tmp_path)
    moments = {
        name.removesuffix("_momentum").rpartition("/")[2]: array / 0.1
        for name, array in model.optimizer.arrays.items()
        if name.endswith("_momentum")
    }
    events = read(tmp_path)
    for name in ("fc8/kernel", "fc8/bias", "block1_conv1/kernel"):
        found = events.Histograms(f"gradients/{name}")[0].histogram_value
        gradient = moments[name.replace("/", "_")]
        assert found.min == pytest.approx(gradient.min(), rel=1e-5)
        assert found.max == pytest.approx(gradient.max(), rel=1e-5)
        assert found.sum_squares == pytest.approx(np.square(gradient).sum(), rel=1e-4)


def test_watching_changes_nothing(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path
) -> None:
    watched = nfc.train(tiny_image, tiny_labels, FULL, tensorboard=tmp_path)
    alone = nfc.train(tiny_image, tiny_labels, FULL)
    # Unwatched, Keras updates PyTorch's variables all at once, which rounds in another order.
    rounding = 1e-5 if keras.backend.backend() == "torch" else 0
    np.testing.assert_allclose(watched.card.losses, alone.card.losses, rtol=rounding)
    assert set(watched.optimizer.arrays) == set(alone.optimizer.arrays)
    for mine, other in zip(watched.network.weights, alone.network.weights, strict=True):
        np.testing.assert_allclose(np.array(mine), np.array(other), rtol=0, atol=rounding)


def test_a_resumed_training_goes_on_counting(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path
) -> None:
    first = nfc.train(tiny_image, tiny_labels, FULL, tensorboard=tmp_path / "first")
    nfc.train(tiny_image, tiny_labels, FULL, resume=first, tensorboard=tmp_path / "second")
    assert steps(read(tmp_path / "second").Scalars(LOSS)) == [4, 5, 6]


def test_long_trainings_write_now_and_then(
    tiny_image: np.ndarray,
    tiny_labels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(training_log, "MOST_GRADIENTS", 4)
    monkeypatch.setattr(training_log, "MOST_PREDICTIONS", 2)
    settings = replace(PIXELS, iterations=9)
    nfc.train(tiny_image, tiny_labels, settings, tensorboard=tmp_path)
    events = read(tmp_path)
    assert steps(events.Scalars(LOSS)) == list(range(1, 10))
    assert steps(events.Histograms(events.Tags()["histograms"][0])) == [3, 6, 9]
    assert steps(events.Images("probability/class 3")) == [5, 9]


def test_a_folder_that_cannot_be_written_is_named(
    tiny_image: np.ndarray, tiny_labels: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"TensorBoard's file could not be written to .*file"):
        nfc.train(tiny_image, tiny_labels, FULL, tensorboard=tmp_path / "file")


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e30])
def test_histograms_count_every_value(scale: float) -> None:
    # More than are counted at once.
    values = np.random.default_rng(0).normal(scale=scale, size=1_200_000).astype(np.float32)
    values[:500] = 0
    found = histogram_of(values)
    limits = np.array(found.bucket_limit)
    assert limits[0] > values.min()
    assert limits[-1] == values.max()
    expected, _ = np.histogram(values.astype(float), [values.min(), *limits])
    np.testing.assert_array_equal(found.bucket, expected)
    assert sum(found.bucket) == found.num == values.size
    assert (found.min, found.max) == (values.min(), values.max())
    assert found.sum == pytest.approx(values.sum(dtype=float))
    assert found.sum_squares == pytest.approx(np.square(values, dtype=float).sum())


@pytest.mark.parametrize(
    ("values", "number"),
    [([], 0), ([0.0, -0.0], 2), ([1.0], 1), ([-2.0, -1.0], 2), ([np.nan, np.inf, 3.0], 1)],
)
def test_histograms_of_few_values(values: list[float], number: int) -> None:
    found = histogram_of(np.array(values, np.float32))
    assert found.num == sum(found.bucket) == number
    finite = [value for value in values if np.isfinite(value)]
    if finite:
        assert (found.min, found.max) == (min(finite), max(finite))
        assert found.bucket_limit[-1] >= max(finite)


def test_tensorboard_shows_them(tmp_path: Path) -> None:
    """TensorBoard turns what it reads into the form it shows."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    with closing(EventFile(tmp_path)) as events:
        events.scalar(1, "loss", 0.5)
        events.histogram(1, "gradient", np.arange(10, dtype=np.float32))
        events.image(1, "probability", np.zeros((4, 6), np.uint8))
    (path,) = tmp_path.iterdir()
    shown = {
        value.tag: value.metadata.plugin_data.plugin_name
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    }
    assert shown == {"loss": "scalars", "gradient": "histograms", "probability": "images"}
