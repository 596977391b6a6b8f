"""Predict: from an image and a model to probabilities.

Keras is imported when it is needed, not with this module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.images import (
    check_image,
    check_not_constant,
    check_size,
    drop_alpha,
    planes,
)
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import OnProgress, ShouldStop, part_of
from napari_fcn_crf.settings import PredictionSettings


def predict(
    model: Model,
    image: npt.ArrayLike,
    settings: PredictionSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of an image's pixels.

    Parameters
    ----------
    model : Model
    image : array, shape `(*spatial)` or `(*spatial, channels)`
        With as many channels as the images the model was trained on; stacks plane by plane.
    settings : PredictionSettings, optional
    on_progress : callable, optional
        Called with a `Progress` after each tile. Where memory was too short for the tiles, its
        `note` says so.
    should_stop : callable, optional
        Asked before each tile.

    Returns
    -------
    array of float32, shape `(n_classes, *spatial)`
        Summing to one over the classes.

    Raises
    ------
    TypeError, ValueError
        If the image cannot be predicted; the message says why and what to do.
    Cancelled
        If `should_stop` turned true.
    """
    settings = settings or PredictionSettings()
    channels_last = check_prediction_input(model.card, image)
    spatial = channels_last.shape[:-1]

    from napari_fcn_crf.fcn.prediction.within_memory import predict_within_memory

    indices = list(planes(spatial))
    probabilities = np.empty((model.card.n_classes, *spatial), np.float32)
    for done, index in enumerate(indices):
        _plane(probabilities, index)[...], settings = predict_within_memory(
            model.network,
            model.card.intensity.apply(channels_last[index]),
            settings,
            on_progress=part_of(on_progress, done, len(indices)),
            should_stop=should_stop,
        )
    return probabilities


def check_prediction_input(card: ModelCard, image: npt.ArrayLike) -> npt.NDArray[Any]:
    """Check what `predict` is given, at once and without keras.

    Returns
    -------
    array, shape `(*spatial, channels)`

    Raises
    ------
    TypeError, ValueError
        If the image cannot be predicted; the message says why and what to do.
    """
    array = check_image(image)
    check_not_constant(array)
    channels_last = _with_channels(array, card.channels)
    check_size(channels_last.shape[:-1])
    return channels_last


def _plane(stack: npt.NDArray[np.float32], index: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a view of one plane of `(n_classes, *spatial)`."""
    rows_and_columns: Any = (slice(None), *index)
    view: npt.NDArray[np.float32] = stack[rows_and_columns]
    return view


def _with_channels(image: npt.NDArray[Any], channels: int) -> npt.NDArray[Any]:
    """Return an image as `(*spatial, channels)` for a model of that many channels."""
    looks_coloured = image.ndim >= 3 and image.shape[-1] in (3, 4)
    if channels == 1 and not looks_coloured:
        # Rows of a single pixel are no image: a last axis of one is the channel itself.
        has_channel = image.ndim >= 3 and image.shape[-1] == 1
        return image if has_channel else image[..., np.newaxis]
    if channels > 1 and image.ndim >= 3:
        without_alpha = drop_alpha(image) if channels == 3 else image
        if without_alpha.shape[-1] == channels:
            return without_alpha
    found = image.shape[-1] if looks_coloured else 1
    raise InputError(
        f"The model was trained on images with {channels} channels, but this image has {found} "
        f"(its shape is {image.shape}). Choose an image like those, or train a new model."
    )
