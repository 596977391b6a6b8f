from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import CARD_MEMBER, ModelCard, copy_model, read_card
from napari_fcn_crf.settings import CRFSettings, TrainingSettings

CARD = ModelCard(
    class_values=(-2, 0, 300),
    class_names=("a", "background", "ä"),
    channels=2,
    intensity=IntensityMapping((0.1, -1e-300), (0.2, 1e300)),
    training=TrainingSettings(weights="vgg.h5", iterations=3),
    crf=CRFSettings(bilateral_weight=0.1 + 0.2),
    losses=(1.0, 1 / 3),
    record={"seed": 1, "nested": {"a": [1, 2]}},
    class_colours=((0.1, 0.2, 1 / 3, 1.0), (0.0, 0.0, 0.0, 0.0), (1.0, 0.5, 0.25, 0.75)),
)


def write(path: Path, text: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CARD_MEMBER, text)
    return path


def test_json_round_trip_is_exact() -> None:
    read = ModelCard.from_json(CARD.to_json())
    assert read == CARD
    # Numbers of less precision may be equal, too.
    assert read.to_json() == CARD.to_json()


def test_reads_from_a_file(tmp_path: Path) -> None:
    assert read_card(write(tmp_path / "m.keras", CARD.to_json())) == CARD


def test_a_copy_has_the_other_card_and_the_same_members(tmp_path: Path) -> None:
    source = write(tmp_path / "m.keras", CARD.to_json())
    weights = np.random.default_rng(0).bytes(3 * 2**20)
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("model.weights.h5", weights)
    tuned = replace(CARD, crf=CRFSettings(iterations=7))
    copy_model(source, tmp_path / "copy.keras", tuned)
    assert read_card(tmp_path / "copy.keras") == tuned
    assert read_card(source) == CARD
    with zipfile.ZipFile(tmp_path / "copy.keras") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["model.weights.h5", CARD_MEMBER]
        assert archive.read("model.weights.h5") == weights


def test_labels_are_the_users_own() -> None:
    probabilities = np.zeros((3, 2, 2))
    probabilities[[0, 1, 2, 2], [0, 0, 1, 1], [0, 1, 0, 1]] = 1
    labels = CARD.to_labels(probabilities)
    np.testing.assert_array_equal(labels, [[-2, 0], [300, 300]])
    assert labels.dtype == np.int16


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4, 3), (3,)])
def test_probabilities_of_other_classes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Expected probabilities with 3 classes"):
        CARD.to_labels(np.zeros(shape))


def test_settings_this_version_does_not_know_are_left_out() -> None:
    values = json.loads(CARD.to_json())
    values["training"]["from_the_future"] = 1
    assert ModelCard.from_json(json.dumps(values)) == CARD


def test_a_newer_format() -> None:
    values = json.loads(CARD.to_json()) | {"format_version": 99}
    with pytest.raises(ValueError, match="newer version of napari-fcn-crf; update the plugin"):
        ModelCard.from_json(json.dumps(values))


INFINITY = json.loads("1e999")
NESTED = "NESTED"


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": "1"},
        {"format_version": [1]},
        {"class_values": 3},
        {"class_values": [0, 1, 2.5]},
        {"class_values": [0, 1, INFINITY]},
        {"class_values": [0, 1, 2**63]},
        {"class_values": [0, 1, 1]},
        {"class_values": [2, 1, 0]},
        {"class_values": [0]},
        {"class_values": [0, 1, [2]]},
        {"class_names": ["a", "b"]},
        {"class_names": ["a", "b", {"c": 1}]},
        {"channels": 0},
        {"channels": 2.0},
        {"channels": True},
        {"channels": INFINITY},
        {"channels": 1},
        {"intensity": {"low": [0, 0], "high": [1, INFINITY]}},
        {"intensity": {"low": [0, 0], "high": [0, 1]}},
        {"intensity": {"low": [0, 0], "high": [1e-310, 1]}},
        {"intensity": {"low": [0], "high": [1]}},
        {"intensity": [0, 1]},
        {"training": []},
        {"training": {"iterations": "many"}},
        {"training": {"iterations": 2.5}},
        {"training": {"iterations": True}},
        {"training": {"learning_rate": INFINITY}},
        {"training": {"learning_rate": "fast"}},
        {"training": {"weights": 7}},
        {"training": {"augment": 1}},
        {"training": {"mode": ["auto"]}},
        {"losses": [1, INFINITY]},
        {"losses": ["\x1b[31m" * 1000]},
        {"losses": 1},
        {"record": [1]},
        {"class_colours": [[0, 0, 0]] * 3},
        {"class_colours": [[0, 0, 0, 2]] * 3},
        {"class_colours": [[0, 0, 0, 1]] * 2},
        {"class_colours": "red"},
        {"record": NESTED},
    ],
    ids=str,
)
def test_a_card_of_other_types(change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(CARD.to_json()) | change)
    with pytest.raises(ValueError, match=r"description is damaged|must be") as caught:
        ModelCard.from_json(text.replace(f'"{NESTED}"', "[" * 100_000))
    assert len(str(caught.value)) <= 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["[]", "null", "7", '"card"', "9" * 5000, "[" * 10**6])
def test_what_is_no_card(text: str) -> None:
    with pytest.raises(ValueError, match="description is damaged"):
        ModelCard.from_json(text)


@pytest.mark.parametrize("missing", ["class_values", "intensity", "training", "losses", "record"])
def test_a_card_with_a_gap(missing: str) -> None:
    values = json.loads(CARD.to_json())
    del values[missing]
    with pytest.raises(ValueError, match=f"description is damaged .*{missing}"):
        ModelCard.from_json(json.dumps(values))


def test_files_that_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "text.keras").write_text("no model")
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    cases = {
        tmp_path: "is a folder",
        tmp_path / "missing.keras": "there is no file",
        tmp_path / "text.keras": "cannot be read as one",
        tmp_path / "other.keras": "not one saved by napari-fcn-crf",
        write(tmp_path / "broken.keras", "{"): "description is damaged",
        write(tmp_path / "bomb.keras", " " * (17 * 2**20)): "more than the 8388608",
    }
    for path, sentence in cases.items():
        with pytest.raises(ValueError, match=sentence):
            read_card(path)
