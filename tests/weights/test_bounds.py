"""Files of a few hundred bytes that ask for gigabytes are refused before anything is allocated."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_fcn_crf.weights.formats.pytorch import LEGACY_MAGIC
from napari_fcn_crf.weights.vgg_file import describe_weights

TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
)


def state(shape: bytes, strides: bytes) -> bytes:
    """Return the pickle of a state dict with one tensor."""
    name = b"X\x11\x00\x00\x00features.0.weight"
    return b"\x80\x02}" + name + TENSOR + b"(" + STORAGE + b"K\x00" + shape + strides + b"tRs."


def zipped(code: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return a `.pth` file with this pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("archive/data.pkl", code)
    return file.getvalue()


def legacy(*pickles: bytes) -> bytes:
    """Return an older `.pth` file with these pickles behind its magic number."""
    return LEGACY_MAGIC + b"".join(pickles)


def npz(header: bytes, version: int = 2) -> bytes:
    """Return an archive with one array whose header is this."""
    file = io.BytesIO()
    length = struct.pack("<I" if version == 2 else "<H", len(header))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        content = b"\x93NUMPY" + bytes([version, 0]) + length + header
        archive.writestr("conv1_1_W.npy", content)
    return file.getvalue()


def safetensors(entry: object, name: str = "features.0.weight") -> bytes:
    """Return a file with one tensor that is described so."""
    header = json.dumps({name: entry}).encode()
    return len(header).to_bytes(8, "little") + header


def hdf5(make: Callable[[h5py.File], object]) -> bytes:
    """Return an HDF5 file."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        make(root)
    return file.getvalue()


def onnx(graph: bytes) -> bytes:
    """Return a model of the eighth version with this graph, of at least 2 MB."""
    return b"\x08\x08" + message(7, graph)


def message(number: int, content: bytes) -> bytes:
    """Return a field with a long message."""
    length = bytes([len(content) >> shift & 127 | 128 for shift in (0, 7, 14)])
    return bytes([number << 3 | 2]) + length + bytes([len(content) >> 21]) + content


# Each is the tuple of the one before, twice.
DOUBLINGS = b"K\x01" + b"q\x00h\x00\x86" * 40
DESCRIPTION = "{{'descr': '<f4', 'fortran_order': False, 'shape': {}, }}"

FILES = {
    "a stride list of 60 000": zipped(
        state(b"(" + b"K\x02" * 60_000 + b"t", b"(" + b"K\x02" * 60_000 + b"t")
    ),
    "a shape of booleans and text": zipped(state(b"\x88\x89X\x01\x00\x00\x00a\x87", b"K\x01\x85")),
    "nested operands of a global": zipped(b"\x80\x04" + DOUBLINGS + DOUBLINGS + b"\x93."),
    "a nested key": zipped(b"\x80\x02}" + DOUBLINGS + b"K\x01s."),
    "nested keys at once": zipped(b"\x80\x02}(" + DOUBLINGS + b"K\x01u."),
    "a key of tuples in tuples": zipped(b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s."),
    "a nested key of a storage": zipped(
        b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        + DOUBLINGS
        + b"X\x03\x00\x00\x00cpuK\x01tQ."
    ),
    "a pickle of marks": zipped(b"\x80\x02" + b"(" * 16 * 2**20 + b"."),
    "a compressed pickle": zipped(b"\x80\x02" + b"(" * 16 * 2**20 + b".", zipfile.ZIP_DEFLATED),
    "a memo of four thousand million": zipped(b"\x80\x02}r\xff\xff\xff\xff."),
    "a frame of an exabyte": zipped(b"\x80\x04\x95" + b"\xff" * 7 + b"\x00}."),
    "a long number": zipped(b"\x80\x02\x8b\xff\xff\xff\x7f1."),
    "a forbidden name of 200 kB": zipped(b"\x80\x02c" + b"\x1b[31m" * 40_000 + b"\nx\n."),
    "legacy keys that are nested": legacy(
        pickle.dumps(1001, 2), b"}.", pickle.dumps({}, 2), b"\x80\x02](" + DOUBLINGS + b"e."
    ),
    "legacy marks": legacy(b"(" * 2**20),
    "an npz header of 300 MB": npz(b" " * 300_000_000),
    "an npz header of digits": npz(DESCRIPTION.format("9" * 9000).encode()),
    "an npz header that is no Python": npz(DESCRIPTION.format("(3,").encode()),
    "an npz header that is open": npz(b"{'descr': '''", version=1),
    "an npz header in brackets": npz(b"(" * 9000),
    "an npz header of signs": npz(b"-" * 9000 + b"1"),
    "an npz rank of thousands": npz(DESCRIPTION.format("(" + "1," * 3000 + ")").encode()),
    "a safetensors rank of millions": safetensors(
        {"dtype": "F32", "shape": [1] * 10**6, "data_offsets": [0, 4]}
    ),
    "a safetensors rank of thousands": safetensors(
        {"dtype": "F32", "shape": [1] * 10**4, "data_offsets": [0, 4]}
    ),
    "a safetensors name of 200 kB": safetensors(
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}, "\x1b" * 40_000
    ),
    "safetensors that are nested": b"\xa0\x86\x01" + b"\x00" * 5 + b'{"a":' * 20_000,
    "an array that is not there": hdf5(
        lambda root: root.create_dataset("block1_conv1/kernel", (10**5, 10**5))
    ),
    "a compressed array": hdf5(
        lambda root: root.create_dataset(
            "a/kernel", data=np.zeros((3000, 3000)), compression="gzip"
        )
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_little_memory_is_needed_to_refuse(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(FILES[kind])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"but weights\.bin ") as caught:
            describe_weights(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20
    assert len(str(caught.value)) <= 300
    assert str(caught.value).isprintable()


ONNX_FILES = {
    "onnx of a million nodes": onnx(b"\x0a\x00" * 10**6),
    "onnx of a million arrays": onnx(b"\x2a\x00" * 10**6),
    "an onnx node of a million inputs": onnx(message(1, b"\x0a\x00" * 10**6)),
    "an onnx node of a million attributes": onnx(message(1, b"\x2a\x00" * 10**6)),
    "an onnx array of a million axes": onnx(message(5, b"\x08\x01" * 10**6)),
    "an onnx array of packed axes": onnx(message(5, message(1, b"\x01" * 2**21))),
    "an onnx name of 2 MB": onnx(message(1, message(4, b"a" * 2**21))),
    "onnx of a million notes": b"\x08\x08" + b"\x72\x00" * 10**6,
}


@pytest.mark.parametrize("kind", ONNX_FILES)
def test_what_is_in_a_model_is_looked_at_before_it_is_parsed(tmp_path: Path, kind: str) -> None:
    """The onnx package's parser is no Python: what it allocates is not seen by tracemalloc."""
    path = tmp_path / "weights.onnx"
    path.write_bytes(ONNX_FILES[kind])
    with pytest.raises(ValueError, match=r"describes more than any VGG-16|is neither ONNX nor"):
        describe_weights(path)
