"""Prediction: from an image and a model to probabilities.

Keras is imported when it is needed, not with this module.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.growing_array import ArrayOnDisk
from napari_fcn_crf.data.images import check_image, check_size, planes
from napari_fcn_crf.data.lazy_intensity import image_digest, lazy_mapping
from napari_fcn_crf.data.mapped_image import MappedImage
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.pipeline import blocks
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import OnProgress, ShouldStop, part_of, with_note
from napari_fcn_crf.settings import IntensityChoice, PredictionSettings


@overload
def predict(
    model: Model,
    image: Any,
    settings: PredictionSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    axes: str | None = None,
    intensity: IntensityChoice = "auto",
) -> npt.NDArray[np.float32]: ...


@overload
def predict(
    model: Model,
    image: Any,
    settings: PredictionSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    axes: str | None = None,
    intensity: IntensityChoice = "auto",
    out: str | Path | ArrayOnDisk,
) -> ArrayOnDisk: ...


def predict(
    model: Model,
    image: Any,
    settings: PredictionSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    axes: str | None = None,
    intensity: IntensityChoice = "auto",
    out: str | Path | ArrayOnDisk | None = None,
) -> npt.NDArray[np.float32] | ArrayOnDisk:
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
        Asked many times a second; a tile in hand is left alone then.
    axes : str, optional
        One letter an axis of the image, such as "cyx"; it overrules that.
    intensity : {"auto", "model", "image"}
        Map the image's values as those of the images that the model was trained on, by the image's
        own range, or by the latter where type or range differ: a progress' `note` says so then.
    out : path or array, optional
        For images larger than memory, of dask or zarr or mapped into memory: where probabilities
        go, block by block. A path of a zarr array, or of an `.npy` file to be mapped into memory,
        must be free; if the process ends too early, the same call goes on with what it has done.

    Returns
    -------
    array of float32, shape `(n_classes, *spatial)`
        Summing to one over the classes; with `out`, that on disk.

    Raises
    ------
    TypeError, ValueError
        If the image cannot be predicted; the message says why and what to do.
    Cancelled
        If `should_stop` turned true.
    """
    settings = settings or PredictionSettings()
    if out is not None:
        picture = check_prediction_picture(model.card, image, axes)
        return _predict_in_blocks(
            model, picture, settings, intensity, out, on_progress, should_stop
        )
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
            MappedImage(channels_last[index], mapping),
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
    return check_image(check_prediction_picture(card, image, axes).channels_last())


def check_prediction_picture(card: ModelCard, image: Any, axes: str | None = None) -> Picture:
    """Check what can be checked of an image without reading it, and return what it is taken for.

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
    return picture


def _predict_in_blocks(
    model: Model,
    picture: Picture,
    settings: PredictionSettings,
    intensity: IntensityChoice,
    out: str | Path | ArrayOnDisk,
    on_progress: OnProgress | None,
    should_stop: ShouldStop | None,
) -> ArrayOnDisk:
    card, spatial = model.card, picture.spatial_shape
    mapping, note = lazy_mapping(card.intensity, picture, intensity)

    def compute(block: blocks.Block) -> npt.NDArray[np.float32]:
        return blocks.predict_place(
            model, picture, block.index, block.place, mapping, settings, None, should_stop
        )

    return blocks.write_blocks(
        out,
        (card.n_classes, *spatial),
        blocks.cut(spatial, blocks.prediction_side_px(card.n_classes)),
        compute,
        {
            "model": hashlib.sha256(card.to_json().encode()).hexdigest(),
            "settings": settings.to_dict(),
            "low": mapping.low,
            "high": mapping.high,
            "image": image_digest(picture),
        },
        "Predicting",
        with_note(on_progress, note),
        should_stop,
    )


def _plane(stack: npt.NDArray[np.float32], index: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a view of one plane of `(n_classes, *spatial)`."""
    rows_and_columns: Any = (slice(None), *index)
    view: npt.NDArray[np.float32] = stack[rows_and_columns]
    return view
