from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from napari_fcn_crf.settings import (
    ComputeSettings,
    CRFSettings,
    PredictionSettings,
    TrainingSettings,
)

ALL = (TrainingSettings, PredictionSettings, CRFSettings, ComputeSettings)


OTHERS = (
    TrainingSettings(
        architecture="fcn8s",
        backbone="vgg16",
        weights="a.h5",
        labels="mask",
        iterations=7,
        learning_rate=1 / 3,
        backbone_rate=0.3,
        rates="equal",
        dropout=0.1,
        loss_reduction="sum",
        class_weights="none",
        seed=5,
        mode="full",
        validation_fraction=0.2,
        patience=4,
        augment=True,
    ),
    PredictionSettings(tile_px=352),
    CRFSettings(1, 2.0, 1 / 3, 4.0, 5.0, 6.0, 7.0, "pydensecrf"),
    ComputeSettings("gpu:3", "torch", False, 3, "/weights", "/usr/bin/python3"),
)
"""Each with no value that is the default's."""


@pytest.mark.parametrize("settings", [*(kind() for kind in ALL), *OTHERS])
def test_json_round_trip(settings: Any) -> None:
    assert type(settings).from_dict(json.loads(json.dumps(settings.to_dict()))) == settings


def test_no_value_is_the_defaults() -> None:
    assert tuple(map(type, OTHERS)) == ALL
    for settings in OTHERS:
        for field in dataclasses.fields(settings):
            assert getattr(settings, field.name) != field.default, field.name


@pytest.mark.parametrize("settings", ALL)
def test_settings_do_not_change(settings: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(settings(), dataclasses.fields(settings)[0].name, 1)


@pytest.mark.parametrize("settings", ALL)
def test_every_setting_is_documented(settings: Any) -> None:
    for field in dataclasses.fields(settings):
        assert f"    {field.name} : " in settings.__doc__


def test_a_path_is_written_as_text() -> None:
    assert TrainingSettings(weights=Path("a") / "b.h5").to_dict()["weights"] == str(Path("a/b.h5"))


def test_the_tutorials_run() -> None:
    paper = TrainingSettings.paper("vgg_16.ckpt")
    assert paper.backbone == "vgg16"
    assert paper.architecture == "fcn32s"
    assert paper.weights == "vgg_16.ckpt"
    assert (paper.iterations, paper.learning_rate, paper.dropout) == (10, 1e-4, 0.5)
    assert (paper.loss_reduction, paper.class_weights, paper.labels) == ("sum", "none", "mask")


def test_the_crfs_defaults_are_the_tutorials() -> None:
    crf = CRFSettings()
    assert (crf.gaussian_sigma_px, crf.gaussian_weight) == (10, 3)
    assert (crf.bilateral_sigma_px, crf.bilateral_sigma_intensity, crf.bilateral_weight) == (
        50,
        20,
        10,
    )
    assert crf.iterations == 5


@pytest.mark.parametrize(
    ("settings", "values", "sentence"),
    [
        (TrainingSettings, {"architecture": "unet"}, "architecture must be one of 'fcn32s'"),
        (TrainingSettings, {"backbone": "vgg19"}, "backbone must be one of .*'vgg16'"),
        (TrainingSettings, {"labels": "both"}, "labels must be one of 'scribbles', 'mask'"),
        (TrainingSettings, {"iterations": 0}, "iterations must be at least 1, but is 0"),
        (TrainingSettings, {"learning_rate": 0.0}, "learning_rate must be above 0"),
        (TrainingSettings, {"dropout": 1.0}, "dropout must be at least 0 and below 1"),
        (TrainingSettings, {"seed": -1}, "seed must be from 0"),
        (TrainingSettings, {"loss_reduction": "max"}, "loss_reduction must be one of"),
        (TrainingSettings, {"class_weights": "some"}, "class_weights must be one of"),
        (PredictionSettings, {"tile_px": 100}, "tile_px must be a multiple of 32"),
        (
            CRFSettings,
            {"iterations": -1},
            "iterations must be a whole number from 0 to 100000",
        ),
        (
            CRFSettings,
            {"gaussian_sigma_px": 0.0},
            "gaussian_sigma_px must be a number from 1e-09",
        ),
        (
            CRFSettings,
            {"bilateral_weight": -1.0},
            "bilateral_weight must be a number from 0 to 1",
        ),
        (CRFSettings, {"engine": "gpu"}, "engine must be one of"),
        (ComputeSettings, {"device": "gpu:8"}, "device must be one of auto, cpu, gpu:0"),
        (ComputeSettings, {"backend": "numpy"}, "backend must be one of 'tensorflow'"),
    ],
)
def test_values_out_of_range(settings: Any, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        settings(**values)


@pytest.mark.parametrize(
    ("backbone", "weights", "expected"),
    [
        ("vgg16-compact", None, "bundled"),
        ("vgg16", None, "random"),
        ("vgg16-compact", "random", "random"),
        ("vgg16", "vgg16.h5", "vgg16.h5"),
    ],
)
def test_each_backbone_starts_from_the_weights_that_come_with_it(
    backbone: str, weights: str | None, expected: str
) -> None:
    settings = TrainingSettings(backbone=backbone, weights=weights)
    assert settings.starting_weights == expected
