"""Prediction: from an image and a model to probabilities.

Keras is imported when it is needed, not with this module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.images import check_image, check_size, planes
from napari_fcn_crf.data.picture import as_picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import OnProgress, ShouldStop, part_of, with_note
from napari_fcn_crf.settings import IntensityChoice, PredictionSettings


def predict(
    model: Model,
    image: Any,
    settings: PredictionSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    axes: str | None = None,
    intensity: IntensityChoice = "auto",
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of an image's pixels.

    Parameters
    ----------
    model : Model
    image : array or Picture
        With as many channels as the images the model was trained on; stacks plane by plane. Of an
        array, an axis of that size is channels, the last or else the first, and for a model of one
        channel there is none.
    settings : PredictionSettings, optional
    on_progress : callable, optional
        Called with a `Progress` after each tile. Where memory was too short for the tiles, its
        `note` says so.
    should_stop : callable, optional
        Asked before each tile.
    axes : str, optional
        One letter an axis of the image, such as "cyx"; it overrules that.
    intensity : {"auto", "model", "image"}
        Map the image's values as those of the images that the model was trained on, by the image's
        own range, or by the latter where type or range differ: a progress' `note` says so then.

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
    channels_last = check_prediction_input(model.card, image, axes)
    mapping, note = model.card.intensity.for_image(channels_last, intensity)
    on_progress = with_note(on_progress, note)
    spatial = channels_last.shape[:-1]

    from napari_fcn_crf.fcn.prediction.within_memory import predict_within_memory

    indices = list(planes(spatial))
    probabilities = np.empty((model.card.n_classes, *spatial), np.float32)
    for done, index in enumerate(indices):
        _plane(probabilities, index)[...], settings = predict_within_memory(
            model.network,
            mapping.apply(channels_last[index]),
            settings,
            on_progress=part_of(on_progress, done, len(indices)),
            should_stop=should_stop,
        )
    return probabilities


def check_prediction_input(
    card: ModelCard, image: Any, axes: str | None = None
) -> npt.NDArray[Any]:
    """Check what `predict` is given, at once and without keras.

    Returns
    -------
    array, shape `(*spatial, channels)`

    Raises
    ------
    TypeError, ValueError
        If the image cannot be predicted; the message says why and what to do.
    """
    picture = as_picture(image, axes, channels=card.channels)
    if picture.channels != card.channels:
        several = "s" if card.channels > 1 else ""
        raise InputError(
            f"The model was trained on images with {card.channels} channel{several}, but this "
            f"image has {picture.channels} ({picture.describe()}; its shape is "
            f"{tuple(picture.array.shape)}). Choose an image like those, choose channels, or "
            "train a new model."
        )
    check_size(picture.spatial_shape)
    return check_image(picture.channels_last())


def _plane(stack: npt.NDArray[np.float32], index: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a view of one plane of `(n_classes, *spatial)`."""
    rows_and_columns: Any = (slice(None), *index)
    view: npt.NDArray[np.float32] = stack[rows_and_columns]
    return view
