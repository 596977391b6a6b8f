"""Refinement of probabilities with the dense CRF: planes, stacks and volumes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.growing_array import ArrayOnDisk
from napari_fcn_crf.data.images import check_image, planes
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.lazy_intensity import image_digest, lazy_mapping
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.data.probabilities import Probabilities, check_probabilities
from napari_fcn_crf.data.probability_scale import on_unit_scale
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline import blocks
from napari_fcn_crf.progress import (
    Cancelled,
    OnProgress,
    Progress,
    ShouldStop,
    slice_of,
    with_note,
)
from napari_fcn_crf.settings import CRFSettings

if TYPE_CHECKING:
    from napari_fcn_crf.crf.dense_crf import DenseCRF

OnPlane = Callable[[tuple[int, ...], Probabilities], None]


@overload
def refine(
    image: Any,
    probabilities: npt.ArrayLike,
    settings: CRFSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    intensity: IntensityMapping | None = None,
    annotated: npt.ArrayLike | None = None,
    volume_spacing: Sequence[float] | None = None,
    on_plane: OnPlane | None = None,
    axes: str | None = None,
) -> Probabilities: ...


@overload
def refine(
    image: Any,
    probabilities: npt.ArrayLike,
    settings: CRFSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    intensity: IntensityMapping | None = None,
    annotated: npt.ArrayLike | None = None,
    volume_spacing: Sequence[float] | None = None,
    on_plane: OnPlane | None = None,
    axes: str | None = None,
    out: str | Path | ArrayOnDisk,
) -> ArrayOnDisk: ...


def refine(
    image: Any,
    probabilities: npt.ArrayLike,
    settings: CRFSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    intensity: IntensityMapping | None = None,
    annotated: npt.ArrayLike | None = None,
    volume_spacing: Sequence[float] | None = None,
    on_plane: OnPlane | None = None,
    axes: str | None = None,
    out: str | Path | ArrayOnDisk | None = None,
) -> Probabilities | ArrayOnDisk:
    """Return the marginals of a fully connected CRF over an image's pixels.

    Parameters
    ----------
    image : array or Picture
        Of an array, the axis that the probabilities lack, the last or else the first, is channels.
    probabilities : array, shape `(n_classes, *spatial)`
        The network's, or any other classifier's; exports of 8 or 16 bits, whole numbers up to 255
        or 65535, are scaled, and a progress' `note` says so.
    settings : CRFSettings, optional
    on_progress : callable, optional
        Called with a `Progress` after each mean-field iteration.
    should_stop : callable, optional
        Asked several times a second.
    intensity : IntensityMapping, optional
        How the image is brought to the scale of 0 to 255; by default by its own range. A slice is
        refined as in its stack with the stack's.
    annotated : array of int, shape `spatial`, optional
        Class index of pixels whose class is certain and stays; negative where it is not.
    volume_spacing : sequence of float, one an axis, optional
        Refine a 3-D stack as one volume whose pixels have this size; by default it is refined plane
        by plane.
    on_plane : callable, optional
        Called with each plane's index and marginals `(n_classes, rows, columns)` as it is done.
    axes : str, optional
        One letter an axis of the image, such as "cyx"; it overrules what the probabilities tell.
    out : path or array, optional
        For images larger than memory, of dask or zarr or mapped into memory, as the probabilities
        may be: where marginals go, block by block, see `predict`. Labels agree with those of the
        whole in 99.99 % of the pixels. Neither for annotated pixels nor for volumes.

    Returns
    -------
    array of float32, shape `(n_classes, *spatial)`
        Summing to one over the classes; with `out`, that on disk.

    Raises
    ------
    TypeError, ValueError
        If image or probabilities are not what they should be; the message says why.
    Cancelled
        If `should_stop` turned true.
    """
    from napari_fcn_crf.crf.dense_crf import DenseCRF

    settings = settings or CRFSettings()
    if out is not None:
        if annotated is not None or volume_spacing is not None or on_plane is not None:
            raise InputError(
                "With out=, an image is refined plane by plane and block by block, but annotated, "
                "volume_spacing or on_plane was given. Give none of them."
            )
        return _refine_in_blocks(
            image, probabilities, axes, settings, intensity, out, on_progress, should_stop
        )
    given, note = on_unit_scale(np.asarray(probabilities))
    on_progress = with_note(on_progress, note)
    picture = as_picture(image, axes, spatial_shape=given.shape[1:])
    spatial = picture.spatial_shape
    unary = check_probabilities(given, spatial)
    pixels = check_image(picture.channels_last())
    intensity = intensity or IntensityMapping.fit(pixels)
    pixels = intensity.without_nan(pixels)
    if volume_spacing is not None and len(spatial) != 3:
        raise InputError(
            f"A volume has three axes, but this image has {len(spatial)}. Refine it plane by plane."
        )
    fixed = None if annotated is None else np.asarray(annotated)
    indices = [()] if volume_spacing is not None else list(planes(spatial))
    marginals = unary[:0]
    for done, index in enumerate(indices):
        part: Any = (slice(None), *index)
        crf = DenseCRF(pixels[index], settings, intensity=intensity, spacing=volume_spacing)
        refined = _infer(
            crf,
            unary[part],
            settings.iterations,
            None if fixed is None else fixed[index],
            slice_of(on_progress, done, len(indices)),
            should_stop,
        )
        if not index:
            marginals = refined
        else:
            marginals = marginals if done else np.empty(unary.shape, np.float32)
            marginals[part] = refined
        if on_plane is not None:
            on_plane(index, marginals[part])
    return marginals.reshape(given.shape)


def _refine_in_blocks(
    image: Any,
    probabilities: Any,
    axes: str | None,
    settings: CRFSettings,
    intensity: IntensityMapping | None,
    out: str | Path | ArrayOnDisk,
    on_progress: OnProgress | None,
    should_stop: ShouldStop | None,
) -> ArrayOnDisk:
    shape = tuple(probabilities.shape)
    picture = as_picture(image, axes, spatial_shape=shape[1:])
    stored = {
        index: blocks.stored_probabilities(probabilities, index, picture.spatial_shape)
        for index in planes(picture.spatial_shape)
    }
    mapping = intensity or lazy_mapping(None, picture)[0]

    def compute(block: blocks.Block) -> Probabilities:
        return blocks.refine_block(
            picture, block, stored[block.index], mapping, settings, None, should_stop
        )

    return blocks.write_blocks(
        out,
        shape,
        blocks.cut(shape[1:], blocks.refinement_side_px(settings, picture.channels, shape[0])),
        compute,
        {
            "settings": settings.to_dict(),
            "low": mapping.low,
            "high": mapping.high,
            "image": image_digest(picture),
            "probabilities": image_digest(Picture(probabilities, "c" + picture.spatial_axes)),
        },
        "Refining",
        on_progress,
        should_stop,
    )


def limit_threads(count: int) -> None:
    """Let refinements use so many threads from now on; 0 stands for as many as processors."""
    from napari_fcn_crf import threads

    threads.limit_threads(count)


def prepare(classes: int = 2) -> threading.Thread:
    """Load the CRF's kernels in a thread, or compile them once on this computer.

    A refinement that comes before the thread is done waits for it.

    Parameters
    ----------
    classes : int
        How many there will be.
    """

    def warm_up() -> None:
        from napari_fcn_crf.crf.dense_crf import warm_up

        warm_up(classes)

    # A daemon: closing the program need not wait for the compiler.
    thread = threading.Thread(target=warm_up, name="fcn-crf warm-up", daemon=True)
    thread.start()
    return thread


def _infer(
    crf: DenseCRF,
    unary: Probabilities,
    iterations: int,
    annotated: npt.NDArray[np.integer] | None,
    on_progress: OnProgress | None,
    should_stop: ShouldStop | None,
) -> Probabilities:
    """Refine one plane, or a whole volume."""

    def on_iteration(iteration: int, total: int) -> None:
        if on_progress is not None:
            on_progress(Progress("Refining", iteration, total))

    def check() -> None:
        if should_stop is not None and should_stop():
            raise Cancelled

    on_iteration(0, iterations)
    refined = crf.infer(
        unary,
        on_iteration=on_iteration,
        clamped=annotated,
        check=None if should_stop is None else check,
    )
    if should_stop is not None and should_stop():
        raise Cancelled
    return refined
