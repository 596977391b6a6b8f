"""Region of a plane, predicted as in the whole plane, of which only its surroundings are read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.layers.padding import STRIDE_PX, padded_window, stride_padding
from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.prediction.receptive_field import halo_px
from napari_fcn_crf.fcn.prediction.tiles import tile_margin
from napari_fcn_crf.fcn.prediction.within_memory import predict_within_memory
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.settings import PredictionSettings

_ECONOMICAL_PX = 768


def predict_region(
    network: Any,
    image: Plane,
    place: tuple[slice, slice],
    settings: PredictionSettings,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of a region of a plane.

    Parameters
    ----------
    network : keras.Model
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        On the 0-255 scale; only the region and as much around it as the network sees is looked at.
    place : tuple of slice
        Rows and columns of the region.
    settings : PredictionSettings
    on_progress, should_stop
        See `predict_plane`.

    Returns
    -------
    array of float32, shape `(n_classes, rows, columns)`
        What `predict_plane` returns there, to the accuracy of float32.

    Raises
    ------
    Cancelled
        If `should_stop` turned true.
    """
    shape = image.shape[0], image.shape[1]
    halo = halo_px(network)
    spans, kept, ahead = [], [], []
    for part, side, (before, behind) in zip(place, shape, stride_padding(shape), strict=True):
        # In the continued plane, whose strides the whole's are.
        first, last = part.start + before, part.stop + before
        start = max(0, first // STRIDE_PX * STRIDE_PX - halo)
        stop = min(side + before + behind, -(-last // STRIDE_PX) * STRIDE_PX + halo)
        spans.append((start, stop - start))
        kept.append(slice(first - start, last - start))
        ahead.append(before)
    (top, rows), (left, columns) = spans
    window = padded_window(image, (ahead[0], ahead[1]), (top, left), (rows, columns))
    probabilities, _ = predict_within_memory(
        network, window, settings, on_progress=on_progress, should_stop=should_stop
    )
    return probabilities[:, kept[0], kept[1]]


def economical_tiles(network: Any, settings: PredictionSettings) -> PredictionSettings:
    """Return settings with smaller tiles, if the prediction does not depend on that.

    What is larger than memory is computed beside other things that take some, and a tile of 1024 px
    takes 3 GB with the hypercolumn head.
    """
    if settings.tile_px <= _ECONOMICAL_PX or tile_margin(network, _ECONOMICAL_PX) < halo_px(
        network
    ):
        return settings
    return replace(settings, tile_px=_ECONOMICAL_PX)
