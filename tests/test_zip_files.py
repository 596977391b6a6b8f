"""Zip files of others may have neither endless directories nor dictionaries of gigabytes."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.fcn.model_file.archive_check import check_archive
from napari_fcn_crf.fcn.optimizer import optimizer_state
from napari_fcn_crf.model.card import CARD_MEMBER, ModelCard, read_card
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.weights.vgg_file import describe_weights
from napari_fcn_crf.zip_files import open_zip

CARD = ModelCard((1, 2), ("a", "b"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings())


def _read_optimizer(path: Path) -> None:
    with path.open("rb") as file:
        optimizer_state.read(file, path.name, CARD, None)


READERS: dict[str, Callable[[Path], object]] = {
    "model.keras": read_card,
    "network.keras": check_archive,
    "optimizer.npz": _read_optimizer,
    "weights.keras": describe_weights,
    "weights.npz": describe_weights,
    "weights.pth": describe_weights,
}


def write(path: Path, n_members: int, compression: int = zipfile.ZIP_STORED) -> None:
    """Write a zip file with what each reader looks for, and with more members."""
    array = io.BytesIO()
    np.save(array, np.zeros(3, np.float32))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("conv1_1_W.npy", array.getvalue())
        archive.writestr(CARD_MEMBER, CARD.to_json())
        for name in ("config.json", "model.weights.h5", "a/data.pkl"):
            archive.writestr(name, "{}")
        for number in range(n_members):
            archive.writestr(f"a member with a name of its own, the one of number {number}", "")


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zip") / "endless.zip"
    write(path, 20_000)
    return path


@pytest.mark.parametrize("name", READERS)
def test_endless_directories_are_not_read(endless: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.hardlink_to(endless)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cannot be read"):
            READERS[name](path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The directory's first megabyte; all members' entries take twelve.
    assert peak < 4 * 2**20


# Of an optimizer's arrays, the first is refused whatever it is compressed by.
@pytest.mark.parametrize("name", sorted(READERS.keys() - {"optimizer.npz"}))
@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_only_what_is_deflated_is_unpacked(tmp_path: Path, name: str, compression: int) -> None:
    path = tmp_path / name
    write(path, 0, compression)
    with pytest.raises(ValueError, match="cannot be read"):
        READERS[name](path)


def test_what_is_in_a_file_is_read_where_it_is(tmp_path: Path) -> None:
    """Also from a zip file in another one, whose file stays open."""
    path = tmp_path / "inner.zip"
    write(path, 200)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as outer:
        outer.write(path, "inner.zip")
    with open_zip(tmp_path / "outer.zip") as outer, outer.open("inner.zip") as member:
        with open_zip(member) as inner:
            assert len(inner.namelist()) == 205
            assert ModelCard.from_json(inner.read(CARD_MEMBER).decode()) == CARD
        assert not member.closed
