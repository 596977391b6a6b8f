"""Training input: images and labels, checked at once and without keras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotation_summary import (
    check_trainable,
    class_counts,
    default_class_name,
    left_out,
    statistics_of,
)
from napari_fcn_crf.data.annotations import annotated_planes, as_label_array
from napari_fcn_crf.data.images import check_image, check_not_constant, check_size
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_doubts import DoubtfulLabelsError, image_values, label_doubt
from napari_fcn_crf.data.label_statistics import LabelStatistics
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.objects import OBJECT_MODES
from napari_fcn_crf.data.picture import as_picture, check_same_shape
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import LabelMode, TrainingSettings

Arrays = Any
"""One array, or a list or tuple of arrays."""

Pair = tuple[npt.NDArray[Any], npt.NDArray[np.integer]]
"""An image `(*spatial, channels)` and its labels `spatial`."""


# Intensities are fitted to no more values of several images together.
_FITTED_VALUES = 2**24

_WORTH_A_LOOK_BYTES = 2**30


@dataclass(frozen=True)
class TrainingInput:
    """What training is given, checked.

    Parameters
    ----------
    pairs : list of (image `(*spatial, channels)`, labels `spatial`)
    counts : dict
        Annotated pixels of each class value, in ascending order of the values.
    note : str
        A sentence on planes that are left out; empty if none is.
    """

    pairs: list[Pair]
    counts: dict[int, int]
    note: str


def check_training_input(
    images: Arrays, labels: Arrays, settings: TrainingSettings, axes: str | None = None
) -> TrainingInput:
    """Check what `train` is given, at once and without keras.

    Raises
    ------
    TypeError, ValueError
        If images or labels cannot be trained on; the message says why and what to do.
    DoubtfulLabelsError
        If labels look as if something else were meant, and the settings do not trust them.
    """
    pairs = _pairs(images, labels, axes)
    mode, ignored = settings.labels, settings.ignore_label
    each = statistics_of((pair_labels for _, pair_labels in pairs), mode, ignored)
    together = reduce(add, each)
    counts = class_counts(together, mode, ignored)
    check_trainable(counts, mode)
    as_label_values(counts)
    common_channels(pairs)
    if not settings.trust_labels:
        _check_doubts(pairs, each, together, settings)
    _check_memory(pairs, settings)
    return TrainingInput(pairs, counts, left_out(together, mode))


def _check_memory(pairs: list[Pair], settings: TrainingSettings) -> None:
    """Refuse what the classes of the pixels alone would fill the memory with.

    Where everything is annotated, each patch has them as well, and patches overlap.
    """
    bytes_of_pixel = 4 if settings.labels == "scribbles" else 16
    needed = sum(
        int(np.prod(pair_labels.shape[-2:])) * bytes_of_pixel
        for _, pair_labels in pairs
        for _ in annotated_planes(pair_labels, settings.labels)
    )
    if needed > _WORTH_A_LOOK_BYTES and needed > (free := _free_bytes()):
        remedy = "Train on a smaller part of it"
        if settings.labels != "scribbles":
            remedy += ", or paint a few strokes of each class and let 0 mean not annotated"
        raise InputError(
            f"So large an annotation needs {needed / 1e9:.0f} GB of memory, but {free / 1e9:.0f} "
            f"GB are free. {remedy}."
        )


def _free_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def annotated_counts(labels: npt.NDArray[np.integer], settings: TrainingSettings) -> dict[int, int]:
    """Return the annotated pixels of each class value of one image, in ascending order.

    Raises
    ------
    ValueError
        If there are fewer than two classes.
    """
    mode, ignored = settings.labels, settings.ignore_label
    counts = class_counts(reduce(add, statistics_of([labels], mode, ignored)), mode, ignored)
    check_trainable(counts, mode)
    as_label_values(counts)
    return counts


def _check_doubts(
    pairs: list[Pair],
    each: list[LabelStatistics],
    together: LabelStatistics,
    settings: TrainingSettings,
) -> None:
    doubts = [
        label_doubt(statistics, settings.labels, settings.ignore_label, image_values(image))
        for (image, _), statistics in zip(pairs, each, strict=True)
    ]
    doubts.append(label_doubt(together, settings.labels, settings.ignore_label))
    for doubt in filter(None, doubts):
        raise DoubtfulLabelsError(doubt)


def check_continues(
    card: ModelCard, channels: int, counts: dict[int, int], settings: TrainingSettings
) -> None:
    """Refuse to go on training a model on something else than it was made for.

    Parameters
    ----------
    card : ModelCard
        Of the model.
    channels : int
        Of the images.
    counts : dict
        Annotated pixels of each class value.
    settings : TrainingSettings

    Raises
    ------
    ValueError
        With what differs.
    """
    for name in ("architecture", "backbone"):
        before, now = getattr(card.training, name), getattr(settings, name)
        if before != now:
            raise InputError(
                f'The model to go on with has the {name} "{before}", but "{now}" was chosen. '
                f'Choose "{before}", or train a new model.'
            )
    before, now = card.training.labels, settings.labels
    if before != now and {before, now} & set(OBJECT_MODES):
        # Their classes have numbers that the others' labels have, too.
        raise InputError(
            f'The model to go on with has learnt what labels are as "{before}", but "{now}" was '
            f'chosen. Choose "{before}", or train a new model.'
        )
    if card.channels != channels:
        raise InputError(
            f"The model to go on with was trained on images with {card.channels} channels, but "
            f"these have {channels}. Choose images like those, or train a new model."
        )
    unknown = sorted(set(counts) - set(card.class_values))
    if unknown:
        raise InputError(
            "The model to go on with knows the labels "
            f"{', '.join(map(str, card.class_values))}, but there are also "
            f"{', '.join(map(str, unknown))}. Train a new model for all of them."
        )


def names_of_classes(
    class_values: tuple[int, ...],
    mode: LabelMode,
    given: Mapping[int, str] | None,
    before: ModelCard | None,
) -> tuple[str, ...]:
    """Return a name for each class: the one given, the model's before, or the label's number."""
    known = {value: default_class_name(value, mode) for value in class_values}
    if before is not None:
        known |= dict(zip(before.class_values, before.class_names, strict=True))
    known |= {value: name for value, name in (given or {}).items() if name}
    return tuple(known[value] for value in class_values)


def common_channels(pairs: list[Pair]) -> int:
    """Return the number of channels that all images have.

    Raises
    ------
    ValueError
        If they have not the same.
    """
    counts = sorted({image.shape[-1] for image, _ in pairs})
    if len(counts) > 1:
        raise InputError(
            "All images must have the same number of channels, but there are images with "
            f"{' and '.join(map(str, counts))}. Train on one kind at a time."
        )
    return int(counts[0])


def fit_intensity(
    images: list[npt.NDArray[Any]],
) -> tuple[IntensityMapping, list[IntensityMapping], str]:
    """Return how images of one training are brought to the 0-255 scale.

    Returns
    -------
    mapping : IntensityMapping
        Of the images of the first one's type and range, which is kept with the model.
    mappings : list of IntensityMapping
        One for each image: images of another type or range have their own.
    note : str
        A sentence if there are such, else empty.
    """
    first = IntensityMapping.fit(images[0])
    alike = [image for image in images if first.for_image(image)[0] is first]
    mapping = first
    if len(alike) > 1:
        step = max(1, sum(image.size for image in alike) // _FITTED_VALUES)
        mapping = IntensityMapping.fit(
            np.concatenate([image.reshape(-1, image.shape[-1])[::step] for image in alike])
        )
    mappings = [
        mapping if any(image is one for one in alike) else mapping.matched(image)
        for image in images
    ]
    n_others = len(images) - len(alike)
    note = ""
    if n_others:
        note = (
            f"{n_others} of {len(images)} images differ from the first, {images[0].dtype.name}, in "
            "type or range of values: each of them is mapped by its own range."
        )
    return mapping, mappings, note


def as_list(arrays: Arrays) -> list[Any]:
    """Return one array, or a list or tuple of arrays, as a list."""
    return list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]


def _pairs(images: Arrays, labels: Arrays, axes: str | None) -> list[Pair]:
    """Return checked images `(*spatial, channels)` with their labels `spatial`."""
    image_list, label_list = as_list(images), as_list(labels)
    if len(image_list) != len(label_list) or not image_list:
        raise InputError(
            f"Each image needs its labels, but there are {len(image_list)} images and "
            f"{len(label_list)} labels. Give as many of one as of the other."
        )
    pairs = []
    for image, image_labels in zip(image_list, label_list, strict=True):
        label_array = as_label_array(image_labels)
        if label_array.ndim < 2:
            raise InputError(
                "Labels need rows and columns, as the image has them, but their shape is "
                f"{label_array.shape}. Choose a labels layer that was painted on this image."
            )
        picture = as_picture(image, axes, spatial_shape=label_array.shape)
        check_same_shape(picture, label_array.shape)
        pixels = check_image(picture.channels_last())
        check_not_constant(pixels)
        check_size(picture.spatial_shape)
        pairs.append((pixels, label_array.reshape(picture.spatial_shape)))
    return pairs
