"""Images larger than memory: block by block as in memory, gone on with, and no half results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import numpy.typing as npt
import pytest
import zarr

import napari_fcn_crf as nfc
from napari_fcn_crf.crf import dense_crf
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.lazy_intensity import sampled
from napari_fcn_crf.data.picture import as_picture
from napari_fcn_crf.pipeline import blocks
from napari_fcn_crf.progress import Cancelled, Progress


@pytest.fixture(scope="module")
def model(tiny_image: np.ndarray, tiny_labels: np.ndarray) -> nfc.Model:
    return nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=0))


@pytest.fixture(scope="module")
def image(tiny_image: np.ndarray) -> npt.NDArray[np.uint8]:
    """Cats, 190 x 399, whose sides are no multiples of anything; wider than what is looked at."""
    return np.tile(tiny_image, (4, 6, 1))[5:195, 9:408].copy()


@pytest.fixture(scope="module")
def expected(model: nfc.Model, image: np.ndarray) -> npt.NDArray[np.float32]:
    """Probabilities of the image."""
    return nfc.predict(model, image)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 128 pixels, and a CRF that has room for no more than that with its margins."""
    monkeypatch.setattr(blocks, "_PREDICTED_PX", 128)
    monkeypatch.setattr(blocks, "CHUNK_PX", 128)
    monkeypatch.setattr(blocks, "_REFINED_BYTES", 10_000_000)


class Watched:
    """An array that notes the largest part that was read at once."""

    def __init__(self, array: npt.NDArray[Any]) -> None:
        self._array = array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim
        self.most = 0

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        part = self._array[key]
        self.most = max(self.most, part.size)
        return part

    def __array__(self, *arguments: Any, **options: Any) -> npt.NDArray[Any]:
        raise AssertionError("all of it was asked for")


@pytest.mark.parametrize("kind", ["dask", "zarr", "numpy", "channels first"])
@pytest.mark.usefixtures("small_blocks")
def test_predicted_in_blocks_as_in_memory(
    kind: str, model: nfc.Model, image: np.ndarray, expected: np.ndarray, tmp_path: Path
) -> None:
    given: Any = image
    if kind == "dask":
        given = dask.array.from_array(image, chunks=(100, 130, 3))
    elif kind == "zarr":
        given = zarr.create_array(str(tmp_path / "image.zarr"), data=image, chunks=(100, 130, 3))
    elif kind == "channels first":
        given = dask.array.from_array(np.moveaxis(image, -1, 0), chunks=(1, 100, 130))
    seen: list[Progress] = []
    result = nfc.predict(model, given, on_progress=seen.append, out=tmp_path / "out.zarr")
    assert isinstance(result, zarr.Array)
    assert [one.current for one in seen] == list(range(9))
    assert {one.total for one in seen} == {8}
    np.testing.assert_allclose(result[...], expected, atol=1e-5)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("small_blocks")
def test_a_stack_into_a_mapped_file(model: nfc.Model, image: np.ndarray, tmp_path: Path) -> None:
    stack = np.stack([image[:100], image[-100:]])
    result = nfc.predict(model, stack, out=tmp_path / "out.npy")
    assert isinstance(result, np.memmap)
    expected = nfc.predict(model, stack)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    own = np.zeros(expected.shape, np.float32)
    assert nfc.predict(model, stack, out=own) is own
    np.testing.assert_allclose(own, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int16])
@pytest.mark.usefixtures("small_blocks")
def test_intensities_are_mapped_as_in_memory(
    dtype: type, model: nfc.Model, image: np.ndarray, tmp_path: Path
) -> None:
    other = image.astype(dtype) * 7
    if dtype is np.float32:
        other[40:50, 30:60] = np.nan
    seen: list[Progress] = []
    given = dask.array.from_array(other, chunks=200)
    result = nfc.predict(model, given, on_progress=seen.append, out=tmp_path / "out.zarr")
    np.testing.assert_allclose(result[...], nfc.predict(model, other), atol=1e-5)
    assert "it is mapped by its own range" in seen[-1].note


def test_samples_are_those_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_fcn_crf.data import intensity, lazy_intensity

    monkeypatch.setattr(intensity, "_VALUES_AT_ONCE", 1000)
    monkeypatch.setattr(lazy_intensity, "_STRIP_VALUES", 700)
    values = np.random.default_rng(0).integers(0, 4000, (3, 61, 53, 2), dtype=np.uint16)
    picture = as_picture(values, "zyxc")
    assert IntensityMapping.fit(sampled(picture)) == IntensityMapping.fit(values)
    monkeypatch.setattr(lazy_intensity, "_ALL_READ_VALUES", 1000)
    windows = sampled(picture)
    assert len(windows) < 2000
    found, whole = IntensityMapping.fit(windows), IntensityMapping.fit(values)
    np.testing.assert_allclose(found.high, whole.high, rtol=0.1)


@pytest.mark.usefixtures("small_blocks")
def test_no_more_than_a_block_is_read_at_once(
    model: nfc.Model, image: np.ndarray, tmp_path: Path
) -> None:
    watched = Watched(np.tile(image, (1, 2, 1)))
    nfc.predict(model, watched, out=tmp_path / "out.zarr")
    assert 0 < watched.most <= 3 * 190 * (128 + 2 * 192 + 32)
    probabilities = Watched(np.asarray(zarr.open_array(str(tmp_path / "out.zarr"), mode="r")))
    settings = nfc.CRFSettings(bilateral_sigma_px=10, gaussian_sigma_px=3, iterations=1)
    nfc.refine(watched, probabilities, settings, out=tmp_path / "refined.zarr")
    assert 0 < probabilities.most <= 2 * 190 * (128 + 2 * 60)


@pytest.mark.usefixtures("small_blocks")
def test_refined_in_blocks_nearly_as_in_memory(image: np.ndarray, tmp_path: Path) -> None:
    # Nothing but the image tells where their borders are.
    coarse = np.random.default_rng(0).random((2, 12, 25)) ** 4 + 1e-3
    fine = coarse.repeat(16, axis=1).repeat(16, axis=2)[:, :190, :399]
    probabilities = np.asarray(fine / fine.sum(axis=0), np.float32)
    settings = nfc.CRFSettings(bilateral_sigma_px=8, gaussian_sigma_px=3)
    whole = nfc.refine(image, probabilities, settings)
    given = dask.array.from_array(probabilities, chunks=(2, 128, 128))
    lazy = dask.array.from_array(image, chunks=100)
    result = nfc.refine(lazy, given, settings, out=tmp_path / "out.zarr")
    side = blocks.refinement_side_px(settings, 3, 2)
    assert side == 128
    assert dense_crf._BYTES_AT_ONCE > 10_000_000, "each block is refined in one piece"
    labels = result[...].argmax(axis=0)
    assert (labels == whole.argmax(axis=0)).mean() >= 0.9999
    assert (labels != probabilities.argmax(axis=0)).mean() > 0.05
    eight_bits = dask.array.from_array(np.rint(probabilities * 255).astype(np.uint8))
    rounded = nfc.refine(lazy, eight_bits, settings, out=tmp_path / "rounded.zarr")
    assert (rounded[...].argmax(axis=0) == labels).mean() > 0.99


@pytest.mark.usefixtures("small_blocks")
def test_a_cancelled_one_is_gone_on_with(
    model: nfc.Model, image: np.ndarray, expected: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        nfc.predict(
            model,
            image,
            on_progress=seen.append,
            should_stop=lambda: len(seen) > 4,
            out=out,
        )
    assert not out.exists()
    (unfinished,) = tmp_path.glob(".out.zarr-unfinished")
    assert len(list((unfinished / "done").iterdir())) == 4
    reads = Watched(image)
    started = {path: path.stat().st_mtime_ns for path in (unfinished / "done").iterdir()}
    result = nfc.predict(model, reads, out=out)
    np.testing.assert_allclose(result[...], expected, atol=1e-5)
    assert len(started) == 4
    assert not unfinished.exists()


@pytest.mark.usefixtures("small_blocks")
def test_what_was_begun_with_other_settings_is_thrown_away(
    model: nfc.Model, image: np.ndarray, tmp_path: Path
) -> None:
    out = tmp_path / "out.zarr"
    seen: list[Progress] = []
    with pytest.raises(Cancelled):
        nfc.predict(
            model, image, on_progress=seen.append, should_stop=lambda: len(seen) > 6, out=out
        )
    turned = image[::-1].copy()
    result = nfc.predict(model, turned, out=out)
    np.testing.assert_allclose(result[...], nfc.predict(model, turned), atol=1e-5)


def test_what_is_there_is_not_replaced(model: nfc.Model, image: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "out.zarr").mkdir()
    with pytest.raises(ValueError, match="would replace"):
        nfc.predict(model, image, out=tmp_path / "out.zarr")
    with pytest.raises(ValueError, match="its folder is not there"):
        nfc.predict(model, image, out=tmp_path / "none" / "out.zarr")
    with pytest.raises(ValueError, match=r"out is of int32 and \(2, 190, 399\)"):
        nfc.predict(model, image, out=np.zeros((2, 190, 399), np.int32))
    with pytest.raises(ValueError, match="block by block, but annotated"):
        nfc.refine(image, np.zeros((2, 190, 399)), annotated=image[..., 0], out=tmp_path / "b.zarr")
    with pytest.raises(ValueError, match="their shape is"):
        nfc.refine(image, np.zeros((2, 190, 400), np.float32), out=tmp_path / "b.zarr")


def test_a_broken_chunk_is_named(model: nfc.Model, image: np.ndarray, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "image.zarr"), data=image, chunks=(128, 128, 3))
    chunk = tmp_path / "image.zarr" / "c" / "0" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:50])
    given = zarr.open_array(str(tmp_path / "image.zarr"), mode="r")
    with pytest.raises(ValueError, match=r"cannot be read at rows 0 to \d+, columns 0 to \d+"):
        nfc.predict(model, given, out=tmp_path / "out.zarr")
    infinite = image.astype(np.float32)
    infinite[150, 300] = np.inf
    with pytest.raises(ValueError, match="no infinite values"):
        nfc.predict(model, infinite, out=tmp_path / "out.zarr")
    assert not (tmp_path / "out.zarr").exists()
