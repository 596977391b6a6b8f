"""Train, predict, refine: arrays in, arrays out.

Keras, numba and what they need are imported when a function is called, not with this module.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf import record
from napari_fcn_crf.annotations import (
    IGNORE,
    as_label_array,
    check_trainable,
    class_indices,
    merged_class_counts,
)
from napari_fcn_crf.images import (
    IntensityMapping,
    check_image,
    check_not_constant,
    check_size,
    drop_alpha,
    planes,
    split_channels,
)
from napari_fcn_crf.model import ModelCard
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop, part_of
from napari_fcn_crf.refinement import refine
from napari_fcn_crf.settings import BUNDLED, RANDOM, PredictionSettings, TrainingSettings

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.training import Example

__all__ = [
    "Model",
    "check_prediction_input",
    "check_training_input",
    "load_model",
    "predict",
    "refine",
    "save_model",
    "train",
]

Arrays = Any  # one array, or a list or tuple of arrays


@dataclass(frozen=True)
class Model:
    """A trained network and what it knows about its classes.

    Parameters
    ----------
    network : keras.Model
        From 0-255 images `(batch, rows, columns, channels)` to logits.
    card : ModelCard
    """

    network: Any
    card: ModelCard

    def to_labels(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.integer]:
        """Return the user's own label value of each pixel's most probable class."""
        return self.card.to_labels(probabilities)


def train(
    images: Arrays,
    labels: Arrays,
    settings: TrainingSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    checkpoint_path: str | Path | None = None,
) -> Model:
    """Train a network on annotated images.

    Parameters
    ----------
    images : array or list of arrays, each `(*spatial)` or `(*spatial, channels)`
        Of any real type; RGBA loses its alpha.
    labels : array of int or list of such, each `spatial`
        Any values; what 0 means is `settings.labels`.
    settings : TrainingSettings, optional
    on_progress : callable, optional
        Called with a `Progress` before the network is built and after each step.
    should_stop : callable, optional
        Asked before each step; true returns the model with what was learnt so far.
    checkpoint_path : path, optional
        Where to write the model after the first step, every ten seconds and at the end, for a
        process that may be killed.

    Raises
    ------
    TypeError, ValueError
        If images or labels cannot be trained on; the message says why and what to do.
    Cancelled
        If `should_stop` turned true before the first step.
    """
    settings = settings or TrainingSettings()
    pairs, counts = check_training_input(images, labels, settings)
    class_values = tuple(counts)
    channels = _common_channels(pairs)
    intensity = _fit_intensity([image for image, _ in pairs])
    run_record = record.start_record()
    run_record["images_sha256"] = [record.array_sha256(image) for image, _ in pairs]
    run_record["labels_sha256"] = [record.array_sha256(pair_labels) for _, pair_labels in pairs]
    run_record["class_pixels"] = {str(value): count for value, count in counts.items()}
    started = time.perf_counter()

    from napari_fcn_crf.fcn import bundled, model_file, network, training

    if on_progress is not None:
        on_progress(Progress("Building the network"))
    built, run_record["weights"] = network.build_network(settings, channels, len(class_values))
    weights_file = bundled.FILE if settings.weights == BUNDLED else settings.weights
    if weights_file not in (None, RANDOM):
        run_record["weights_sha256"] = record.file_sha256(weights_file)
    card = ModelCard(
        class_values=class_values,
        class_names=tuple(_default_name(value) for value in class_values),
        channels=channels,
        intensity=intensity,
        training=settings,
        record=run_record,
    )

    def checkpoint(losses: tuple[float, ...]) -> None:
        if checkpoint_path is not None:
            model_file.save(built, replace(card, losses=losses), checkpoint_path)

    result = training.fit(
        built,
        _examples(pairs, class_values, intensity, settings),
        len(class_values),
        settings,
        on_progress=on_progress,
        should_stop=should_stop,
        on_snapshot=checkpoint,
    )
    if not result.losses:
        raise Cancelled
    run_record["ending"] = result.ending
    run_record["seconds"] = round(time.perf_counter() - started, 3)
    checkpoint(result.losses)
    return Model(built, replace(card, losses=result.losses))


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
        Called with a `Progress` after each tile.
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

    from napari_fcn_crf.fcn.prediction import predict_plane

    indices = list(planes(spatial))
    probabilities = np.empty((model.card.n_classes, *spatial), np.float32)
    for done, index in enumerate(indices):
        _plane(probabilities, index)[...] = predict_plane(
            model.network,
            model.card.intensity.apply(channels_last[index]),
            settings,
            on_progress=part_of(on_progress, done, len(indices)),
            should_stop=should_stop,
        )
    return probabilities


def save_model(model: Model, path: str | Path) -> None:
    """Write a model as one `.keras` file that plain Keras can load too.

    Raises
    ------
    ValueError
        If it cannot be written; what was at `path` before is unchanged then.
    """
    from napari_fcn_crf.fcn import model_file

    model_file.save(model.network, model.card, path)


def load_model(path: str | Path) -> Model:
    """Read a model that `save_model` wrote; no code in the file is run.

    Raises
    ------
    ValueError
        If it is not such a file; the message says what it is instead.
    """
    from napari_fcn_crf.fcn import model_file

    return Model(*model_file.load(path))


_Pair = tuple[npt.NDArray[Any], npt.NDArray[np.integer]]


def check_training_input(
    images: Arrays, labels: Arrays, settings: TrainingSettings
) -> tuple[list[_Pair], dict[int, int]]:
    """Check what `train` is given, at once and without keras.

    Returns
    -------
    pairs : list of (image `(*spatial, channels)`, labels `spatial`)
    counts : dict
        Annotated pixels of each class value, in ascending order of the values.

    Raises
    ------
    TypeError, ValueError
        If images or labels cannot be trained on; the message says why and what to do.
    """
    pairs = _pairs(images, labels)
    counts = merged_class_counts([pair_labels for _, pair_labels in pairs], settings.labels)
    check_trainable(counts, settings.labels)
    _common_channels(pairs)
    return pairs, counts


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


def _pairs(images: Arrays, labels: Arrays) -> list[_Pair]:
    """Return checked images `(*spatial, channels)` with their labels `spatial`."""
    image_list = list(images) if isinstance(images, (list, tuple)) else [images]
    label_list = list(labels) if isinstance(labels, (list, tuple)) else [labels]
    if len(image_list) != len(label_list) or not image_list:
        raise ValueError(
            f"Each image needs its labels, but there are {len(image_list)} images and "
            f"{len(label_list)} labels. Give as many of one as of the other."
        )
    pairs = []
    for image, image_labels in zip(image_list, label_list, strict=True):
        checked = check_image(image)
        check_not_constant(checked)
        label_array = as_label_array(image_labels)
        if label_array.ndim < 2:
            raise ValueError(
                "Labels need rows and columns, as the image has them, but their shape is "
                f"{label_array.shape}. Choose a labels layer that was painted on this image."
            )
        channels_last, spatial = split_channels(checked, label_array.shape)
        check_size(spatial)
        pairs.append((drop_alpha(channels_last), label_array))
    return pairs


def _common_channels(pairs: list[_Pair]) -> int:
    counts = sorted({image.shape[-1] for image, _ in pairs})
    if len(counts) > 1:
        raise ValueError(
            "All images must have the same number of channels, but there are images with "
            f"{' and '.join(map(str, counts))}. Train on one kind at a time."
        )
    return int(counts[0])


def _fit_intensity(images: list[npt.NDArray[Any]]) -> IntensityMapping:
    if len(images) == 1:
        return IntensityMapping.fit(images[0])
    flat = [image.reshape(-1, image.shape[-1]) for image in images]
    return IntensityMapping.fit(np.concatenate(flat))


def _examples(
    pairs: list[_Pair],
    class_values: tuple[int, ...],
    intensity: IntensityMapping,
    settings: TrainingSettings,
) -> list[Example]:
    """Return the annotated planes of all images."""
    from napari_fcn_crf.fcn.training import Example

    examples = []
    for image, labels in pairs:
        for index in planes(labels.shape):
            indices = class_indices(labels[index], class_values, settings.labels)
            if (indices != IGNORE).any():
                examples.append(Example(intensity.apply(image[index]), indices))
    return examples


def _plane(stack: npt.NDArray[np.float32], index: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a view of one plane of `(n_classes, *spatial)`."""
    rows_and_columns: Any = (slice(None), *index)
    view: npt.NDArray[np.float32] = stack[rows_and_columns]
    return view


def _default_name(value: int) -> str:
    return "background" if value == 0 else f"class {value}"


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
    raise ValueError(
        f"The model was trained on images with {channels} channels, but this image has {found} "
        f"(its shape is {image.shape}). Choose an image like those, or train a new model."
    )
