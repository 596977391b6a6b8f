"""Lists of free space in HDF5 files: the library would follow one that has no end for ever."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
import pytest

from napari_fcn_crf.fcn.model_file.archive_check import check_archive
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.weights.formats.hdf5_heaps import check_heaps
from napari_fcn_crf.weights.vgg_file import describe_weights


def weights(behind: int = 0) -> bytes:
    """Return a file whose group has a heap with free space, and so many other bytes."""
    file = io.BytesIO()
    with h5py.File(file, "w") as root:
        root["numbers"] = np.frombuffer(b"HEAP" * (behind // 4), np.uint8)
        root["layer/vars/0"] = np.zeros(3, np.float32)
    return file.getvalue()


def in_a_circle(content: bytes) -> bytes:
    """Return the file with the last heap's first free block followed by itself."""
    changed = bytearray(content)
    at = content.rindex(b"HEAP\0\0\0\0")
    _, first, start = struct.unpack_from("<QQQ", content, at + 8)
    assert first != 1
    struct.pack_into("<Q", changed, start + first, first)
    return bytes(changed)


CIRCLE = in_a_circle(weights())


@pytest.mark.parametrize("behind", [0, 3 << 20])
def test_a_list_without_end_is_found(behind: int) -> None:
    genuine = weights(behind)
    check_heaps(io.BytesIO(genuine))
    with pytest.raises(InputError, match="leads back into itself"):
        check_heaps(io.BytesIO(in_a_circle(genuine)))


def test_a_head_across_two_reads_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    circle = in_a_circle(weights())
    module = "napari_fcn_crf.weights.formats.hdf5_heaps"
    at = circle.rindex(b"HEAP\0\0\0\0")
    for cut in (at + 1, at + 31):
        monkeypatch.setattr(f"{module}._READ_BYTES", cut)
        with pytest.raises(InputError, match="leads back into itself"):
            check_heaps(io.BytesIO(circle))


def test_what_only_looks_like_many_heaps_takes_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_fcn_crf.weights.formats.hdf5_heaps._READ_BYTES", 2**16)
    content = io.BytesIO(b"HEAP" * 100_000)
    tracemalloc.start()
    try:
        check_heaps(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_more_heaps_than_weights_have_are_refused() -> None:
    with pytest.raises(InputError, match="more heaps than"):
        check_heaps(io.BytesIO((b"HEAP" + bytes(28)) * 100_001))


def test_all_heaps_together_have_so_many_free_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = struct.pack("<4sB3xQQQ", b"HEAP", 0, 64, 16, 64)
    data = bytes(16) + struct.pack("<QQ", 32, 16) + struct.pack("<QQ", 1, 16) + bytes(16)
    content = heap + heap + data
    module = "napari_fcn_crf.weights.formats.hdf5_heaps"
    monkeypatch.setattr(f"{module}._MOST_BLOCKS", 4)
    check_heaps(io.BytesIO(content))
    monkeypatch.setattr(f"{module}._MOST_BLOCKS", 3)
    with pytest.raises(InputError, match="more free space than"):
        check_heaps(io.BytesIO(content))


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing come as far as the library, which would not come back."""

    def opened(*given: Any) -> NoReturn:
        pytest.fail("HDF5 opened the file")

    monkeypatch.setattr(h5py, "File", opened)


@pytest.mark.usefixtures("unopened")
def test_it_is_refused_before_the_library_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "vgg.h5"
    path.write_bytes(CIRCLE)
    with pytest.raises(ValueError, match=r"vgg\.h5"):
        describe_weights(path)
    for name, refuse in (("vgg.keras", describe_weights), ("model.keras", check_archive)):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("config.json", '{"config": {"layers": []}}')
            archive.writestr("model.weights.h5", CIRCLE)
        with pytest.raises(ValueError, match=name):
            refuse(tmp_path / name)
