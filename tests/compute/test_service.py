"""Jobs on the real compute process: what they report, return and refuse."""

import os
from dataclasses import replace
from pathlib import Path

import dask.array as da
import numpy as np
import psutil
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.model.card import read_card
from napari_fcn_crf.model.record import array_sha256
from napari_fcn_crf.pipeline.lazy_images import read_for_training
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import ComputeSettings, PredictionSettings, TrainingSettings
from tests.compute.conftest import (
    ENDLESS,
    PATIENCE_S,
    SHORT,
    SOLVED,
    shared_blocks,
    wait_until,
)


def test_training_reports_each_step_and_returns_the_card(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    job = warm_service.train([image], [labels], SHORT, path)
    progress = list(job.events())
    steps = [step for step in progress if step.loss is not None]
    assert [(step.current, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    card = job.result()
    assert card.class_values == (1, 7)
    assert card.losses == tuple(step.loss for step in steps)
    assert read_card(path) == card
    assert job.done


def test_the_second_job_finds_the_process_warm(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    warm_service.train([image], [labels], SOLVED, path).result()
    assert warm_service.is_warm
    pid = warm_service.pid
    job = warm_service.predict(path, image)
    assert not [step for step in job.events() if step.phase.startswith("Starting")]
    probabilities = job.result()
    assert warm_service.pid == pid
    assert probabilities.shape == (2, 64, 64)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)


def test_tensorboards_file_is_written_in_the_process(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    request = replace(SHORT, class_names={7: "cell"}, tensorboard=log)
    job = warm_service.train([image], [labels], request, tmp_path / "model.keras")
    card = job.result()
    events = EventAccumulator(str(log)).Reload()
    losses = [event.value for event in events.Scalars("cross_entropy_loss")]
    np.testing.assert_allclose(losses, card.losses, rtol=1e-6)
    assert "gradients/fc6/kernel" in events.Tags()["histograms"]
    assert [event.step for event in events.Images("probability/cell")] == [1, 2, 3]


def test_a_model_file_that_was_replaced_is_read_again(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    warm_service.train([image], [labels], SOLVED, path).result()
    three = labels.copy()
    three[30:34, 30:34] = 9
    warm_service.train([image], [three], SOLVED, tmp_path / "three.keras").result()
    assert len(warm_service.predict(path, image).result()) == 2
    (tmp_path / "three.keras").replace(path)
    assert len(warm_service.predict(path, image).result()) == 3


@pytest.mark.parametrize("dtype", ["bool", ">u2", "float64"])
def test_any_number_type_and_memory_order_crosses(
    warm_service: ComputeService,
    image: np.ndarray,
    labels: np.ndarray,
    tmp_path: Path,
    dtype: str,
) -> None:
    gray = (image[..., 0] > 100).astype(dtype).T
    card = warm_service.train([gray], [labels.T], SOLVED, tmp_path / "model.keras").result()
    assert card.channels == 1
    assert card.record["images_sha256"] == [array_sha256(gray[..., np.newaxis])]
    assert card.record["labels_sha256"] == [array_sha256(labels.T)]


def test_what_the_user_got_wrong_comes_back_as_it_was_said(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    with pytest.raises(ValueError, match="at least two classes, but only label 1"):
        warm_service.train([image], [np.minimum(labels, 1)], SHORT, path).result()
    with pytest.raises(ValueError, match="the labels are 64 x 60"):
        warm_service.train([image], [labels[:, :60]], SHORT, path).result()
    with pytest.raises(TypeError, match="Labels must be whole numbers"):
        warm_service.train([image], [labels * 0.5], SHORT, path).result()
    with pytest.raises(TypeError, match="real numbers"):
        warm_service.predict(path, np.array([["a", "b"]])).result()
    with pytest.raises(ValueError, match="at least two axes"):
        warm_service.train([image[:0]], [labels[:0]], SHORT, path).result()
    with pytest.raises(ValueError, match="there is no such folder"):
        warm_service.train([image], [labels], SHORT, tmp_path / "none" / "model.keras").result()
    with pytest.raises(ValueError, match=r"there is no file .*model\.keras"):
        warm_service.predict(path, image).result()
    path.write_text("no model")
    with pytest.raises(ValueError, match=r"Expected a \.keras model file"):
        warm_service.predict(path, image).result()
    assert path.read_text() == "no model"


def test_a_weights_file_is_described_or_refused(
    warm_service: ComputeService, tmp_path: Path
) -> None:
    file = tmp_path / "weights.h5"
    file.write_text("no weights")
    with pytest.raises(ValueError, match=r"weights\.h5"):
        warm_service.describe_weights(file).result()


def test_the_device_is_tested_with_two_steps(warm_service: ComputeService) -> None:
    job = warm_service.test_device()
    steps = [progress for progress in job.events() if progress.loss is not None]
    assert [(step.current, step.total) for step in steps] == [(1, 2), (2, 2)]
    assert job.result().label.startswith("CPU, ")


@pytest.mark.usefixtures("patient")
def test_one_job_runs_at_a_time(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    job = warm_service.train([image], [labels], ENDLESS, tmp_path / "model.keras")
    with pytest.raises(ValueError, match="training is still going on"):
        warm_service.predict(tmp_path / "model.keras", image)
    assert warm_service.devices().result()[0].name == "cpu"
    assert not job.done
    job.cancel()
    list(job.events())


@pytest.mark.usefixtures("patient")
def test_cancelled_training_keeps_what_was_learnt(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    job = warm_service.train([image], [labels], ENDLESS, path)
    losses = []
    for progress in job.events():
        if progress.loss is not None:
            losses.append(progress.loss)
        if len(losses) == 5:
            job.cancel()
    card = job.result()
    # It ended by itself, and the file holds all that was told.
    assert warm_service.is_warm
    assert card.record["ending"] == "stopped"
    assert card.losses == tuple(losses)
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["model.keras", "model.optimizer.npz"]
    assert warm_service.predict(path, image).result().shape == (2, 64, 64)


@pytest.mark.usefixtures("patient")
def test_training_cancelled_before_its_first_step_is_cancelled(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"an older file, which is not this run's model")
    warm_service.prepare()
    wait_until(lambda: warm_service.is_warm)
    process = psutil.Process(warm_service.pid)
    # So that it takes no step before it can hear.
    process.suspend()
    try:
        job = warm_service.train([image], [labels], ENDLESS, path)
        wait_until(lambda: shared_blocks(os.getpid()) != [])
        job.cancel()
    finally:
        process.resume()
    with pytest.raises(Cancelled):
        job.result(PATIENCE_S)
    assert warm_service.is_warm
    assert [progress for progress in job.events() if progress.loss is not None] == []
    assert path.read_bytes() == b"an older file, which is not this run's model"


@pytest.mark.usefixtures("patient")
def test_cancelled_prediction_returns_nothing(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    warm_service.train([image], [labels], SOLVED, path).result()
    # More tiles than any machine predicts before it hears that it should not.
    large = np.tile(image, (56, 56, 1))
    job = warm_service.predict(path, large, PredictionSettings(tile_px=256))
    for progress in job.events():
        if progress.phase == "Predicting":
            job.cancel()
    with pytest.raises(Cancelled):
        job.result()
    # It ended by itself, before the last tile.
    assert warm_service.is_warm
    assert progress.current < progress.total


def test_settings_that_matter_restart_the_process(
    image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    service = ComputeService()
    path = tmp_path / "model.keras"
    try:
        service.configure(ComputeSettings(device="cpu"))
        service.train([image], [labels], SOLVED, path).result()
        pid = service.pid
        service.configure(ComputeSettings(device="cpu", weights_folder=str(tmp_path)))
        service.predict(path, image).result()
        assert service.pid == pid
        service.configure(ComputeSettings(device="auto"))
        assert not service.is_warm
        assert service.predict(path, image).result().shape == (2, 64, 64)
        assert service.pid not in (pid, None)
    finally:
        service.close()
    assert service.pid is None
    service.close()


def test_training_settings_cross_unchanged(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    settings = TrainingSettings(
        architecture="fcn32s", labels="mask", iterations=2, learning_rate=3e-5, dropout=0.25, seed=7
    )
    request = TrainingRequest(settings)
    card = warm_service.train([image], [labels], request, tmp_path / "model.keras").result()
    assert card.training == settings
    assert card.class_values == (0, 1, 7)


def test_training_goes_on_from_a_file_with_names_and_previews(
    warm_service: ComputeService, image: np.ndarray, labels: np.ndarray, tmp_path: Path
) -> None:
    """Five steps and three, from another file, are eight; with a preview or without."""
    settings = TrainingSettings(iterations=5, validation_fraction=0.5)
    five = TrainingRequest(settings, class_names={1: "dark", 7: "bright"}, preview=True)
    first, second, whole = (tmp_path / f"{name}.keras" for name in ("first", "second", "whole"))
    job = warm_service.train([image], [labels], five, first)
    events = list(job.events())
    previews = [event for event in events if event.partial is not None]
    assert previews
    assert all(event.partial.shape == (2, 64, 64) for event in previews)
    np.testing.assert_allclose(previews[0].partial.sum(axis=0), 1, atol=1e-5)
    measured = [event.validation_iou for event in events if event.validation_iou is not None]
    assert [len(iou) for iou in measured] == [2]
    assert job.result().class_names == ("dark", "bright")

    three = TrainingRequest(replace(settings, iterations=3), resume_path=first)
    resumed = warm_service.train([image], [labels], three, second).result()
    assert resumed.record["resumed_exactly"]
    assert resumed.class_names == ("dark", "bright")
    eight = TrainingRequest(replace(settings, iterations=8))
    assert warm_service.train([image], [labels], eight, whole).result().losses == resumed.losses
    np.testing.assert_array_equal(
        warm_service.predict(second, image).result(), warm_service.predict(whole, image).result()
    )


def test_patches_of_a_lazy_image_cross_as_one_plane(
    warm_service: ComputeService, tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 255, (1536, 1536), dtype=np.uint8)
    image[:, 768:] //= 2
    labels = np.zeros(image.shape, np.uint8)
    labels[400:406, 400:406], labels[1200:1206, 1200:1206] = 1, 2
    settings = TrainingSettings(iterations=2, mode="quick", dropout=0.0)
    read = read_for_training([Picture(da.from_array(image), "yx")], [labels], settings)
    assert read.are_patches == [True]
    request = TrainingRequest(settings, are_patches=tuple(read.are_patches))
    job = warm_service.train(read.images, read.labels, request, tmp_path / "model.keras")
    phases = {progress.phase for progress in job.events()}
    assert "Reading what surrounds the strokes" in phases
    whole = warm_service.train(
        [image], [labels], TrainingRequest(settings), tmp_path / "whole.keras"
    )
    # The scale of features is that of a sample of the image, or of what was read.
    np.testing.assert_allclose(job.result().losses, whole.result().losses, rtol=0.1)
