"""Features of a plane, computed in the other process and kept here, are those of this one."""

import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_fcn_crf.compute.parent import service
from napari_fcn_crf.compute.parent.service import ComputeService, PlaneFeatures, TrainingRequest
from napari_fcn_crf.fcn.linear.columns import Columns
from napari_fcn_crf.fcn.linear.moments import Moments
from napari_fcn_crf.pipeline.plane_features import feature_extractor
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.settings import PredictionSettings, TrainingSettings
from tests.compute.conftest import PATIENCE_S, wait_until


def _plane(side: int = 96) -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (side, side, 3)).astype(np.float32)


def test_they_are_what_the_network_computes_here(warm_service: ComputeService) -> None:
    plane = _plane()
    job = warm_service.features(plane, TrainingSettings())
    phases = {progress.phase for progress in job.events()}
    assert "Computing features" in phases
    found = job.result()

    extractor = feature_extractor(TrainingSettings(), 3)
    values = np.empty((96, 96, extractor.width), np.uint16)
    columns, moments = extractor.columns(plane, values, PredictionSettings().tile_px)
    assert found.values.dtype == np.uint16
    theirs = Columns(found.values, found.unit).at(slice(None))
    np.testing.assert_allclose(theirs, columns.at(slice(None)), rtol=1e-3, atol=1e-3)
    given = Moments.of_sums(found.sums, found.squares, found.count)
    np.testing.assert_allclose(given.mean, moments.mean, rtol=1e-4)
    np.testing.assert_allclose(given.variance, moments.variance, rtol=1e-3)
    kept = extractor.kept
    np.testing.assert_array_equal(found.gain, kept.gain)
    assert (found.epsilon, found.sharpness) == (kept.epsilon, kept.sharpness)


def test_heads_that_are_not_solved_at_every_pixel_are_refused_in_a_sentence(
    warm_service: ComputeService,
) -> None:
    job = warm_service.features(_plane(), TrainingSettings(architecture="fcn8s"))
    with pytest.raises(ValueError, match=r"Labels that follow the brush need .* Hypercolumn"):
        job.result()


def test_they_give_way_to_a_training_and_to_nothing_else(
    warm_service: ComputeService,
    image: np.ndarray,
    labels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "_TILE_S", PATIENCE_S)
    warm_service.prepare()
    wait_until(lambda: warm_service.is_warm)
    pid = warm_service.pid
    # So that they are not computed before all this is said.
    process = psutil.Process(pid)
    process.suspend()
    try:
        job = warm_service.features(_plane(1000), TrainingSettings())
        with pytest.raises(ValueError, match="One thing runs at a time"):
            warm_service.features(_plane(), TrainingSettings())

        def resume() -> None:
            job.cancel_requested.wait(PATIENCE_S)
            time.sleep(0.2)
            process.resume()

        threading.Thread(target=resume).start()
        training = warm_service.train(
            [image], [labels], TrainingRequest(TrainingSettings(iterations=0)), tmp_path / "m.keras"
        )
    finally:
        process.resume()
    assert training.result().class_values == (1, 7)
    with pytest.raises(Cancelled):
        job.result()
    assert warm_service.pid == pid
    assert isinstance(warm_service.features(_plane(), TrainingSettings()).result(), PlaneFeatures)
