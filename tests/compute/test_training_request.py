"""A request for a training is the same on both sides of the channel."""

import json
import os
from pathlib import Path

import pytest

from napari_fcn_crf.compute.training_request import TrainingRequest
from napari_fcn_crf.settings import TrainingSettings


def test_all_of_it_crosses_as_json() -> None:
    full = TrainingRequest(
        TrainingSettings(iterations=7, architecture="fcn8s"),
        class_names={3: "cell", 1: "dark"},
        resume_path=Path("/models/first.keras").absolute(),
        preview=True,
        tensorboard=Path("/logs/run").absolute(),
    )
    for request in (TrainingRequest(), full):
        assert TrainingRequest.from_dict(json.loads(json.dumps(request.to_dict()))) == request


def test_its_paths_mean_the_same_where_another_process_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sent = TrainingRequest(resume_path=Path("a.keras"), tensorboard=Path("log")).to_dict()
    monkeypatch.chdir(os.sep)
    received = TrainingRequest.from_dict(sent)
    assert received.resume_path == tmp_path / "a.keras"
    assert received.tensorboard == tmp_path / "log"
