"""Files that are not VGG-16, damaged ones, and hostile ones: one sentence each, nothing run."""

from __future__ import annotations

import json
import os
import pickle
import re
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import safetensors.numpy

from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.weights.formats.pytorch import LEGACY_MAGIC
from napari_fcn_crf.weights.vgg_file import describe_weights, open_weights
from tests.weights.reference import Reference
from tests.weights.writers import (
    torchvision_state,
    write_checkpoint,
    write_legacy_hdf5,
    write_npz,
    write_onnx,
)


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match="Expected a file with VGG-16's weights") as caught:
        describe_weights(path)
    message = str(caught.value)
    assert path.name in message
    assert message.isprintable()
    assert len(message) <= 300
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
    for chosen in ("vgg_16.ckpt", "vgg_16.ckpt.index"):
        assert "without its .data file beside it" in refusal(tmp_path / chosen)


def test_a_folder_of_the_same_name_is_not_followed(compact: Reference, tmp_path: Path) -> None:
    """TensorFlow's own loader takes the checkpoint that a folder names."""
    other = Reference(
        compact.backbone,
        {name: (kernel + 1, bias) for name, (kernel, bias) in compact.weights.items()},
    )
    write_checkpoint(tmp_path / "vgg_16.ckpt", compact, version=2)
    (tmp_path / "vgg_16.ckpt").mkdir()
    write_checkpoint(tmp_path / "vgg_16.ckpt" / "other", other, version=2)
    with open_weights(tmp_path / "vgg_16.ckpt.index") as file:
        kernel, _ = file.read("block1_conv1")
    np.testing.assert_array_equal(kernel, compact.weights["block1_conv1"][0])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
@pytest.mark.parametrize("name", ["vgg.h5", "vgg.ckpt.index", "vgg.ckpt.data-00000-of-00001"])
def test_a_pipe_is_not_waited_for(compact: Reference, tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path / "vgg.ckpt", compact, version=2)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert "is a pipe, a socket or a device" in refusal(tmp_path / name)


def test_a_name_that_would_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "\x1b[31m\n"
    path.write_text("no weights")
    with pytest.raises(ValueError, match=r"but \?\[31m  is of none of these kinds"):
        describe_weights(path)


def test_resnet(tmp_path: Path) -> None:
    path = tmp_path / "resnet.weights.h5"
    keras.applications.ResNet50(weights=None, include_top=False).save_weights(path)
    assert "another network" in refusal(path)


def test_vgg19_is_not_vgg16(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.weights.h5"
    keras.applications.VGG19(weights=None, include_top=False).save_weights(path)
    assert "has a block3_conv" in refusal(path) or "has a block4_conv1 of shape" in refusal(path)


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


class Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> Any:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("form", ["zip", "legacy", "bare"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, form: str, protocol: int) -> None:
    victim = tmp_path / "victim"
    code = pickle.dumps({"features.0.weight": Hostile(victim)}, protocol)
    path = tmp_path / "vgg16.pth"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", code)
    elif form == "legacy":
        header = b"".join(pickle.dumps(item, 2) for item in (0x1950A86A20F9469CFC6C, 1001, {}))
        path.write_bytes(header + code + pickle.dumps([], 2))
    else:
        path.write_bytes(code)
    why = "never opened" if form == "bare" else "asks for more than tensors"
    assert why in refusal(path)
    assert not victim.exists()
    pickle.loads(code)
    assert victim.exists()


@pytest.mark.parametrize(
    "code",
    [
        # A byte array of four thousand million.
        b"\x80\x05\x96\xff\xff\xff\xff\x00\x00\x00\x00.",
        b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"\x80\x02.",
        b"\x80\x02(((((.",
        b"\x80\x02h\x05.",
        b"(",
        b"",
    ],
)
def test_odd_pickles(tmp_path: Path, code: bytes) -> None:
    path = tmp_path / "odd.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", code)
    assert "pickle" in refusal(path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [3, 3], "data_offsets": [0, 10**12]},
        {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]},
        {"dtype": "F32", "shape": [-1, -4], "data_offsets": [0, 16]},
        {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]},
        {"dtype": "F32", "shape": "four", "data_offsets": [0, 16]},
        {"dtype": "F32"},
        ["F32"],
    ],
)
def test_safetensors_that_lie(tmp_path: Path, entry: Any) -> None:
    header = json.dumps({"features.0.weight": entry}).encode()
    path = tmp_path / "lie.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\x00" * 64)
    # Not that it holds another network, which is found after all arrays were believed.
    assert re.search("is damaged|is truncated|cannot be read", refusal(path))


def test_onnx_with_its_numbers_elsewhere(compact: Reference, tmp_path: Path) -> None:
    path = tmp_path / "vgg16.onnx"
    write_onnx(path, compact, external=True)
    assert "keeps its numbers in another file" in refusal(path)


def test_batch_normalised_vgg_is_another_network(compact: Reference, tmp_path: Path) -> None:
    """torchvision's vgg16_bn puts a normalisation behind each convolution."""
    state = torchvision_state(compact)
    for kind in ("weight", "bias"):
        state[f"features.3.{kind}"] = state.pop(f"features.2.{kind}")
    path = tmp_path / "vgg16_bn.safetensors"
    safetensors.numpy.save_file(state, path)
    refusal(path)


MAGICS = {
    "h5": b"\x89HDF\r\n\x1a\n",
    "zip": b"PK\x03\x04",
    "onnx": b"\x08\x07",
    "pth": LEGACY_MAGIC,
    "safetensors": (10**9).to_bytes(8, "little") + b"{",
    "nothing": b"\x00",
}


@pytest.mark.parametrize("magic", MAGICS)
def test_five_gigabytes_are_not_read(tmp_path: Path, magic: str) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.write(MAGICS[magic])
        file.truncate(5 * 2**30)
    tracemalloc.start()
    try:
        refusal(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20
