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
from napari_fcn_crf.settings_base import describe

ALL = (TrainingSettings, PredictionSettings, CRFSettings, ComputeSettings)


OTHERS = (
    TrainingSettings(
        architecture="fcn8s",
        backbone="vgg16",
        weights="a.h5",
        labels="mask",
        ignore_label=255,
        trust_labels=True,
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
    CRFSettings(1, 2.0, 1 / 3, 4.0, 5.5, 6.0, 7.0, "pydensecrf"),
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


def test_the_tutorials_crf() -> None:
    crf = CRFSettings.paper()
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
        (
            TrainingSettings,
            {"iterations": -1},
            "iterations must be a whole number of at least 0, but is -1",
        ),
        (
            TrainingSettings,
            {"learning_rate": 0.0},
            "learning_rate must be a number above 0 and finite, but is 0",
        ),
        (TrainingSettings, {"dropout": 1.0}, "dropout must be a number of at least 0 and below 1"),
        (TrainingSettings, {"seed": -1}, "seed must be a whole number from 0 to 4294967295"),
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


@pytest.mark.parametrize("settings", ALL)
def test_what_a_control_offers_is_taken_and_no_more_than_the_bounds(settings: Any) -> None:
    for name, known in describe(settings).items():
        ends = [known.options[end] for end in ("min", "max") if end in known.options]
        for end in ends:
            assert known.holds(end), (name, end)
            settings(**{name: end})
        if len(ends) == 2 and known.default is not None:
            assert ends[0] <= known.default <= ends[1], name
        for title, value in known.options.get("choices", ()):
            assert title
            settings(**{name: value})


@pytest.mark.parametrize(
    ("settings", "name", "taken", "refused"),
    [
        (TrainingSettings, "iterations", [0, 10**9, None], [-1, 1.5, "3"]),
        (TrainingSettings, "learning_rate", [1e-300, 5], [0, -1.0, float("nan"), "1"]),
        (TrainingSettings, "backbone_rate", [1e-9, 1], [0, 1.001]),
        (TrainingSettings, "dropout", [0, 0.999], [-0.1, 1]),
        (TrainingSettings, "seed", [0, 2**32 - 1], [-1, 2**32]),
        (TrainingSettings, "validation_fraction", [0, 0.5], [-0.1, 0.51]),
        (TrainingSettings, "patience", [0, 10**6], [-1]),
        (CRFSettings, "depth_ratio", [1e-9, 1e9], [0, 1.1e9, float("inf")]),
        (CRFSettings, "gaussian_weight", [0, 10_000], [-1e-9, 10_001]),
        (ComputeSettings, "threads", [0, 500], [-1, 0.5]),
    ],
)
def test_both_ends_of_each_range(
    settings: Any, name: str, taken: list[Any], refused: list[Any]
) -> None:
    for value in taken:
        assert getattr(settings(**{name: value}), name) == value
    for value in refused:
        with pytest.raises(ValueError, match=f"^{name} must be a (whole )?number"):
            settings(**{name: value})


@pytest.mark.parametrize("settings", ALL)
def test_texts_are_whole_sentences(settings: Any) -> None:
    for name, known in describe(settings).items():
        assert known.text.endswith("."), name
        assert known.text[0].isupper() or known.text[0] == '"', name


def test_what_is_known_of_settings_is_found_out_once() -> None:
    """A dock asks fifty times, and reading annotations takes milliseconds."""
    assert describe(TrainingSettings) is describe(TrainingSettings)
