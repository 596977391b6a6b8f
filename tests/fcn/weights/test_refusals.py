"""Files that are not VGG-16, damaged ones, and hostile ones: one sentence each, nothing run."""

from __future__ import annotations

import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.weights import describe_weights, open_weights
from napari_fcn_crf.settings import TrainingSettings
from tests.fcn.weights.reference import Reference
from tests.fcn.weights.test_dialects import write_checkpoint, write_legacy_hdf5, write_npz


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match="Expected a file with VGG-16's weights") as caught:
        describe_weights(path)
    message = str(caught.value)
    assert path.name in message
    assert "\n" not in message
    return message


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path)


def test_missing(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nothing.h5")


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x00" * 100, b"PK\x03\x04 no zip"])
def test_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.h5"
    path.write_bytes(content)
    refusal(path)


def test_truncated(compact: Reference, tmp_path: Path) -> None:
    write_legacy_hdf5(tmp_path / "whole.h5", compact, "{0}_W_1:0 {0}_b_1:0")
    write_npz(tmp_path / "whole.npz", compact)
    write_checkpoint(tmp_path / "whole.ckpt", compact, version=1)
    for whole in ("whole.h5", "whole.npz", "whole.ckpt"):
        content = (tmp_path / whole).read_bytes()
        path = tmp_path / f"half-{whole}"
        path.write_bytes(content[: len(content) // 2])
        refusal(path)


def test_checkpoint_without_its_data(compact: Reference, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "vgg_16.ckpt", compact, version=2)
    (tmp_path / "vgg_16.ckpt.data-00000-of-00001").unlink()
    refusal(tmp_path / "vgg_16.ckpt")


def test_resnet(tmp_path: Path) -> None:
    path = tmp_path / "resnet.weights.h5"
    keras.applications.ResNet50(weights=None, include_top=False).save_weights(path)
    assert "another network" in refusal(path)


def test_vgg19_is_not_vgg16(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.weights.h5"
    keras.applications.VGG19(weights=None, include_top=False).save_weights(path)
    refusal(path)


def test_a_layer_is_missing(compact: Reference, tmp_path: Path) -> None:
    weights = {key: value for key, value in compact.weights.items() if key != "block3_conv2"}
    path = tmp_path / "gap.npz"
    write_npz(path, Reference("vgg16-compact", weights))
    assert "lacks 1 of its 13 convolutions (block3_conv2" in refusal(path)


def test_pickled_objects_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    np.savez(path, conv1_1_W=np.array([{"a": 1}], dtype=object))
    assert "pickled objects" in refusal(path)


def test_links_to_other_files_are_not_followed(compact: Reference, tmp_path: Path) -> None:
    other = tmp_path / "other.h5"
    write_legacy_hdf5(other, compact, "{0}_W_1:0 {0}_b_1:0")
    path = tmp_path / "links.h5"
    with h5py.File(path, "w") as file:
        for name in compact.weights:
            file[name] = h5py.ExternalLink(str(other), name)
    refusal(path)


def test_external_storage_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\x00" * 4000)
    path = tmp_path / "storage.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("block1_conv1/kernel", (10,), "f4", external=[(str(secret), 0, 40)])
    assert "refers to other files" in refusal(path)


def test_a_huge_array_is_not_read(compact: Reference, tmp_path: Path) -> None:
    path = tmp_path / "huge.npz"
    write_npz(path, compact)
    header = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.float32))
    header["shape"] = (3, 3, 3, 10**12)
    with zipfile.ZipFile(path, "a") as archive, archive.open("fc9_W.npy", "w") as member:
        np.lib.format.write_array_header_2_0(member, header)
    assert describe_weights(path).startswith("VGG-16 compact")


def test_values_that_are_not_finite(compact: Reference, tmp_path: Path) -> None:
    weights = dict(compact.weights)
    weights["block2_conv1"] = (weights["block2_conv1"][0] * np.nan, weights["block2_conv1"][1])
    path = tmp_path / "nan.npz"
    write_npz(path, Reference("vgg16-compact", weights))
    with (
        open_weights(path) as file,
        pytest.raises(ValueError, match="not finite in block2_conv1"),
    ):
        file.read("block2_conv1")


def test_full_weights_on_the_compact_backbone(compact: Reference, tmp_path: Path) -> None:
    path = tmp_path / "compact.npz"
    write_npz(path, compact)
    settings = TrainingSettings(backbone="vgg16", weights=path)
    with pytest.raises(ValueError, match='Choose "vgg16-compact", or train without weights'):
        build_network(settings, 3, 2)


@pytest.mark.parametrize("form", ["h5", "npz", "ckpt"])
def test_no_damage_gets_past_a_value_error(compact: Reference, tmp_path: Path, form: str) -> None:
    """Flip and cut bytes at random: a file is read or refused, nothing else happens."""
    path = tmp_path / f"whole.{form}"
    if form == "h5":
        write_legacy_hdf5(path, compact, "{0}_W_1:0 {0}_b_1:0")
    elif form == "npz":
        write_npz(path, compact)
    else:
        write_checkpoint(path, compact, version=1)
    content = path.read_bytes()
    generator = np.random.default_rng(0)
    refusals = []
    for attempt in range(40):
        damaged = bytearray(content)
        # Where headers and directories are, so that damage is found and not only data changed.
        near_start = generator.integers(0, 4096, 4)
        near_end = len(content) - 1 - generator.integers(0, 4096, 4)
        for position in (*near_start, *near_end):
            damaged[position] ^= int(generator.integers(1, 256))
        if attempt % 2:
            damaged = damaged[: generator.integers(len(damaged))]
        victim = tmp_path / f"damaged.{form}"
        victim.write_bytes(damaged)
        try:
            describe_weights(victim)
        except ValueError as error:
            refusals.append(str(error))
    assert len(refusals) >= 20
    assert all(text.startswith("Expected a file with VGG-16's weights") for text in refusals)
