"""Training that goes on: ten steps at once are five and five, bit for bit."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.fcn.model_file import keras_file
from napari_fcn_crf.fcn.training import run
from napari_fcn_crf.model.card import optimizer_path
from napari_fcn_crf.pipeline import models
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings

FULL = TrainingSettings(
    architecture="fcn32s", weights="random", iterations=10, mode="full", augment=True, patience=9
)
QUICK = TrainingSettings(
    architecture="hypercolumn",
    weights="random",
    iterations=10,
    mode="quick",
    validation_fraction=0.34,
)


@pytest.fixture(scope="module")
def pairs() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Two images with three strokes of each class."""
    generator = np.random.default_rng(0)
    images, labels = [], []
    for _ in range(2):
        image = generator.integers(0, 60, (64, 60, 3), dtype=np.uint8)
        image[:, 30:] += 150
        strokes = np.zeros((64, 60), np.int32)
        for row in (8, 26, 44):
            strokes[row : row + 10, 5:9] = 2
            strokes[row : row + 10, 45:49] = 5
        images.append(image)
        labels.append(strokes)
    return images, labels


@pytest.fixture(scope="module")
def first(pairs: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Path]:
    """A model of one step, and the folder with its file and its optimizer's."""
    folder = tmp_path_factory.mktemp("first")
    one = replace(FULL, iterations=1)
    return nfc.train(*pairs, one, checkpoint_path=folder / "model.keras"), folder


@pytest.fixture
def path(first: tuple[Model, Path], tmp_path: Path) -> Path:
    """The file of a model of one step, with its optimizer's beside it, to be damaged."""
    shutil.copytree(first[1], tmp_path, dirs_exist_ok=True)
    return tmp_path / "model.keras"


def assert_same(model: Model, expected: Model) -> None:
    assert model.card.losses == expected.card.losses
    for name in ("kept_step", "validation_iou"):
        assert model.card.record.get(name) == expected.card.record.get(name)
    weights, expected_weights = model.network.get_weights(), expected.network.get_weights()
    for found, wanted in zip(weights, expected_weights, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert model.optimizer is not None
    assert expected.optimizer is not None
    assert model.optimizer.arrays.keys() == expected.optimizer.arrays.keys()
    for name, array in model.optimizer.arrays.items():
        np.testing.assert_array_equal(array, expected.optimizer.arrays[name], err_msg=name)


@pytest.mark.parametrize("settings", [FULL, QUICK], ids=["full", "quick"])
def test_ten_steps_are_five_and_five(
    pairs: Any, settings: TrainingSettings, tmp_path: Path
) -> None:
    half = replace(settings, iterations=5)
    whole = nfc.train(*pairs, settings)
    first = nfc.train(*pairs, half, checkpoint_path=tmp_path / "first.keras")
    before = [np.array(weight) for weight in first.network.get_weights()]
    assert_same(nfc.train(*pairs, half, resume=first), whole)
    for weight, known in zip(first.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, known)

    beside = models.load_model(tmp_path / "first.keras", optimizer=True)
    models.save_model(first, tmp_path / "one.keras", optimizer=True)
    inside = models.load_model(tmp_path / "one.keras", optimizer=True)
    assert not optimizer_path(tmp_path / "one.keras").exists()
    assert_same(inside, beside)
    resumed = nfc.train(*pairs, half, resume=inside)
    assert resumed.card.record["resumed_at_step"] == 5
    assert_same(resumed, whole)


def test_a_state_of_other_steps_is_left_alone(
    pairs: Any, first: tuple[Model, Path], path: Path
) -> None:
    one = replace(FULL, iterations=1)
    assert models.load_model(path, optimizer=True).optimizer is not None
    assert models.load_model(path).optimizer is None
    models.save_model(nfc.train(*pairs, one, resume=first[0]), path)
    loaded = models.load_model(path, optimizer=True)
    assert len(loaded.card.losses) == 2
    assert loaded.optimizer is None
    resumed = nfc.train(*pairs, one, resume=loaded)
    assert len(resumed.card.losses) == 3
    assert resumed.card.record["resumed_exactly"] is False


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04"])
def test_a_damaged_state_is_named(path: Path, damage: bytes) -> None:
    optimizer_path(path).write_bytes(damage)
    with pytest.raises(ValueError, match=r"optimizer in model\.optimizer\.npz.*remove it"):
        models.load_model(path, optimizer=True)
    assert models.load_model(path).optimizer is None


def test_a_damaged_state_inside_a_model_is_named(first: tuple[Model, Path], tmp_path: Path) -> None:
    model, path = first[0], tmp_path / "model.keras"
    models.save_model(model, path, optimizer=True)
    with zipfile.ZipFile(path) as archive:
        (at,) = (one.header_offset for one in archive.infolist() if "optimizer" in one.filename)
    content = bytearray(path.read_bytes())
    content[at : at + 4] = b"????"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"optimizer in model\.keras.*remove it"):
        keras_file.load_optimizer(path, model.card, model.network)


def test_a_state_with_python_objects_is_refused(path: Path) -> None:
    objects = np.array([print], dtype=object)
    np.savez(optimizer_path(path), losses=objects, validation=np.zeros((0, 1)))
    with pytest.raises(ValueError, match="cannot be read as one"):
        models.load_model(path, optimizer=True)


def test_a_state_of_another_network_is_refused_before_it_is_read(path: Path) -> None:
    huge = {"fortran_order": False, "descr": "<f4", "shape": (10**5, 10**5)}
    text = {"fortran_order": False, "descr": "S2000000000", "shape": ()}
    many = {"fortran_order": False, "descr": "<f8", "shape": (10**6, 3)}
    for name, header in (("optimizer/huge", huge), ("last/text", text), ("validation", many)):
        with np.load(optimizer_path(path)) as state, zipfile.ZipFile(path, "a") as model:
            arrays = {key: state[key] for key in state.files if key != name}
            with (
                model.open("napari_fcn_crf.optimizer.npz", "w") as member,
                zipfile.ZipFile(member, "w", zipfile.ZIP_DEFLATED) as archive,
            ):
                for key, array in arrays.items():
                    with archive.open(f"{key}.npy", "w") as file:
                        np.lib.format.write_array(file, array)
                with archive.open(f"{name}.npy", "w") as file:
                    np.lib.format.write_array_header_1_0(file, header)
        with pytest.raises(ValueError, match=r"optimizer in model\.keras.*remove it"):
            models.load_model(path, optimizer=True)
        with zipfile.ZipFile(path) as model:
            members = {key: model.read(key) for key in model.namelist() if "optimizer" not in key}
        with zipfile.ZipFile(path, "w") as model:
            for key, content in members.items():
                model.writestr(key, content)


def test_large_states_are_written_at_the_end_only(
    pairs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "SMALL_STATE_BYTES", 1000)
    path = tmp_path / "model.keras"
    early: list[bool] = []

    def look(progress: Progress) -> None:
        if progress.current == 2:
            early.append(path.exists() and not optimizer_path(path).exists())

    nfc.train(*pairs, replace(FULL, iterations=2), look, checkpoint_path=path)
    assert early == [True]
    assert optimizer_path(path).exists()


def test_what_differs_from_the_model_is_named(pairs: Any, first: tuple[Model, Path]) -> None:
    (images, labels), (model, _) = pairs, first
    one = replace(FULL, iterations=1)
    third = labels[0].copy()
    third[0, :5] = 9
    with pytest.raises(ValueError, match='what labels are as "scribbles", but "objects" was'):
        nfc.train(images, labels, replace(one, labels="objects"), resume=model)
    with pytest.raises(ValueError, match="knows the labels 2, 5, but there are also 9"):
        nfc.train(images[0], third, one, resume=model)
    with pytest.raises(ValueError, match="with 3 channels, but these have 1"):
        nfc.train(images[0][..., 0], labels[0], one, resume=model)
    with pytest.raises(ValueError, match='architecture "fcn32s", but "fcn8s" was chosen'):
        nfc.train(images, labels, replace(one, architecture="fcn8s"), resume=model)


def test_a_resumed_training_that_explodes_keeps_the_model(pairs: Any) -> None:
    first = nfc.train(*pairs, replace(FULL, iterations=2))
    wild = replace(FULL, iterations=20, learning_rate=1e38, augment=False)
    resumed = nfc.train(*pairs, wild, resume=first)
    assert "the weights are those of step" in resumed.card.record["ending"]
    assert all(np.isfinite(weight).all() for weight in resumed.network.get_weights())
    assert resumed.optimizer is None
