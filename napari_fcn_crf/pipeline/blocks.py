"""Blocks of images that are larger than memory: read with what is around, computed, written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.growing_array import CHUNK_PX, ArrayOnDisk, GrowingArray
from napari_fcn_crf.data.images import planes
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.mapped_image import MappedImage
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.plane_pixels import PlanePixels
from napari_fcn_crf.data.probabilities import Probabilities, check_probabilities
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.settings import CRFSettings, PredictionSettings

Place = tuple[slice, slice]

_PREDICTED_PX = 4 * CHUNK_PX
_MANY_CLASSES = 8
_REFINED_BYTES = 3 << 29
"""Of the CRF, for a block and its margins. Smaller blocks would be mostly margin."""


@dataclass(frozen=True)
class Block:
    """A piece of a plane that is written in one go.

    Parameters
    ----------
    number : int
        In the order of the image.
    index : tuple of int
        Of the plane.
    rows, columns : slice
    """

    number: int
    index: tuple[int, ...]
    rows: slice
    columns: slice

    @property
    def place(self) -> Place:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def key(self) -> tuple[Any, ...]:
        """Where it is in an array `(classes, *spatial)`."""
        return (slice(None), *self.index, self.rows, self.columns)


def cut(spatial_shape: Sequence[int], side_px: int) -> list[Block]:
    """Cut all planes of an image into squares, as far as its sides allow."""
    along = [
        [slice(start, min(length, start + side_px)) for start in range(0, length, side_px)]
        for length in spatial_shape[-2:]
    ]
    places = itertools.product(planes(tuple(spatial_shape)), *along)
    return [Block(number, *place) for number, place in enumerate(places)]


def prediction_side_px(classes: int) -> int:
    """Return the side of the blocks that are predicted one at a time."""
    return _PREDICTED_PX if classes <= _MANY_CLASSES else _PREDICTED_PX // 2


def refinement_side_px(settings: CRFSettings, channels: int, classes: int) -> int:
    """Return the side of the blocks that are refined one at a time, without their margins."""
    from napari_fcn_crf.crf.large_images import core_side_px, pixels_at_once

    most = pixels_at_once(_REFINED_BYTES, 2, channels, classes)
    return core_side_px(_margin_px(settings), most, CHUNK_PX)


def predict_place(
    model: Model,
    picture: Picture,
    index: tuple[int, ...],
    place: Place,
    mapping: IntensityMapping,
    settings: PredictionSettings,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Probabilities:
    """Return the probabilities `(n_classes, rows, columns)` of a region, as of the whole plane."""
    plane = MappedImage(PlanePixels(picture, index), mapping)
    return predict_pixels(model, plane, place, settings, on_progress, should_stop)


def predict_pixels(
    model: Model,
    plane: MappedImage,
    place: Place,
    settings: PredictionSettings,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> Probabilities:
    """Return what `predict_place` does; of the plane, what is around the region is looked at."""
    from napari_fcn_crf.fcn.prediction.region import economical_tiles, predict_region

    return predict_region(
        model.network,
        plane,
        place,
        economical_tiles(model.network, settings),
        on_progress=on_progress,
        should_stop=should_stop,
    )


def refine_block(
    picture: Picture,
    block: Block,
    probabilities_of: Callable[[Place], Probabilities],
    mapping: IntensityMapping,
    settings: CRFSettings,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    annotated_of: Callable[[Place], npt.NDArray[np.integer]] | None = None,
) -> Probabilities:
    """Return the marginals `(n_classes, rows, columns)` of a block, nearly as of the whole plane.

    Parameters
    ----------
    picture : Picture
    block : Block
    probabilities_of : callable
        Returns those of a region, which is the block with a margin around it.
    mapping : IntensityMapping
    settings : CRFSettings
    on_progress, should_stop
        See `refine`.
    annotated_of : callable, optional
        Returns the class index of a region's pixels whose class is certain; -1 of the others.
    """
    from napari_fcn_crf.crf.dense_crf import DenseCRF

    place = with_margin(block.place, picture.spatial_shape, settings)
    rows, columns = within(block.place, place)
    given = probabilities_of(place)
    pixels = mapping.without_nan(PlanePixels(picture, block.index)[place])

    def report(iteration: int, total: int) -> None:
        if on_progress is not None:
            on_progress(Progress("Refining", iteration, total))

    def check() -> None:
        if should_stop is not None and should_stop():
            raise Cancelled

    origin = [part.start for part in place]
    crf = DenseCRF(pixels, settings, intensity=mapping, origin=origin)
    annotated = None if annotated_of is None else annotated_of(place)
    refined = crf.infer(given, on_iteration=report, clamped=annotated, check=check)
    return refined[:, rows, columns]


def with_margin(place: Place, shape: Sequence[int], settings: CRFSettings) -> Place:
    """Return a region with what its refinement depends on around it, as far as there is any."""
    margin = _margin_px(settings)
    rows, columns = (
        slice(max(0, part.start - margin), min(side, part.stop + margin))
        for part, side in zip(place, shape[-2:], strict=True)
    )
    return rows, columns


def within(place: Place, region: Place) -> Place:
    """Return where a place is in a region that holds it."""
    rows, columns = (
        slice(part.start - around.start, part.stop - around.start)
        for part, around in zip(place, region, strict=True)
    )
    return rows, columns


def stored_probabilities(
    array: Any, index: tuple[int, ...], shape: Sequence[int]
) -> Callable[[Place], Probabilities]:
    """Return a function that reads and checks the probabilities of a region of one plane.

    Parameters
    ----------
    array : array, shape `(n_classes, *spatial)`
        Lazy or not; exports of 8 or 16 bits are scaled.
    index : tuple of int
    shape : sequence of int
        What the spatial one must be.
    """
    found = tuple(array.shape[1:])
    if found != tuple(shape):
        raise InputError(
            "Expected probabilities, one plane a class on the first axis, but their shape is "
            f"{tuple(array.shape)} and the image's is {tuple(shape)}. Choose those of this image."
        )
    dtype = np.dtype(array.dtype)
    full = float(np.iinfo(dtype).max) if dtype.kind == "u" and dtype.itemsize <= 2 else 1.0

    def read(place: Place) -> Probabilities:
        part = np.asarray(array[(slice(None), *index, *place)])
        if full == 1:
            return check_probabilities(part)
        scaled = check_probabilities(part.astype(np.float32) / np.float32(full))
        # Rounding has left a sum that is not quite one.
        return np.asarray(scaled / scaled.sum(axis=0), np.float32)

    return read


def write_blocks(
    out: str | Path | ArrayOnDisk,
    shape: Sequence[int],
    blocks: Sequence[Block],
    compute: Callable[[Block], npt.NDArray[Any]],
    signature: Mapping[str, Any],
    phase: str,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> ArrayOnDisk:
    """Compute blocks one after the other, and write each to where it belongs.

    Parameters
    ----------
    out : path or array
        Of a path, what an earlier call with the same signature has written is gone on with.
    shape : sequence of int
        Of the result, `(n_classes, *spatial)`.
    blocks : sequence of Block
    compute : callable
        Returns a block's `(n_classes, rows, columns)`.
    signature : mapping
    phase : str
        For the progress, which counts blocks.
    on_progress, should_stop : callable, optional

    Returns
    -------
    array
        What `out` is the path of, to be read only, or `out` itself.

    Raises
    ------
    Cancelled
        If `should_stop` turned true; what is done stays.
    """
    if not isinstance(out, str | Path):
        _check_array(out, shape)
        for block in _counted(blocks, phase, on_progress, should_stop):
            out[block.key] = compute(block)
        return out
    growing = GrowingArray(Path(out), shape, np.float32, signature)
    for block in _counted(blocks, phase, on_progress, should_stop):
        if not growing.is_done(block.number):
            growing.array[block.key] = compute(block)
            growing.done(block.number)
    return growing.finish()


def _counted(
    blocks: Sequence[Block],
    phase: str,
    on_progress: OnProgress | None,
    should_stop: ShouldStop | None,
) -> Iterator[Block]:
    for done, block in enumerate(blocks):
        if should_stop is not None and should_stop():
            raise Cancelled
        if on_progress is not None:
            on_progress(Progress(phase, done, len(blocks), unit="blocks"))
        yield block
    if on_progress is not None:
        on_progress(Progress(phase, len(blocks), len(blocks), unit="blocks"))


def _check_array(out: ArrayOnDisk, shape: Sequence[int]) -> None:
    found, kind = tuple(out.shape), np.dtype(out.dtype).kind
    if found != tuple(shape) or kind != "f":
        raise InputError(
            f"The result is floating-point numbers of the shape {tuple(shape)}, but out is of "
            f"{out.dtype} and {found}. Give a path, or an array like the result."
        )


def _margin_px(settings: CRFSettings) -> int:
    from napari_fcn_crf.crf.large_images import margin_px

    return margin_px(max(settings.gaussian_sigma_px, settings.bilateral_sigma_px))
