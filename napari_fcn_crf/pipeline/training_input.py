"""What training is given, checked at once and without keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import as_label_array, check_trainable, merged_class_counts
from napari_fcn_crf.data.images import (
    IntensityMapping,
    check_image,
    check_not_constant,
    check_size,
    drop_alpha,
    split_channels,
)
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import TrainingSettings

Arrays = Any
"""One array, or a list or tuple of arrays."""

Pair = tuple[npt.NDArray[Any], npt.NDArray[np.integer]]
"""An image `(*spatial, channels)` and its labels `spatial`."""


def check_training_input(
    images: Arrays, labels: Arrays, settings: TrainingSettings
) -> tuple[list[Pair], dict[int, int]]:
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
    as_label_values(counts)
    common_channels(pairs)
    return pairs, counts


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
    class_values: tuple[int, ...], given: Mapping[int, str] | None, before: ModelCard | None
) -> tuple[str, ...]:
    """Return a name for each class: the one given, the model's before, or the label's number."""
    known = {value: "background" if value == 0 else f"class {value}" for value in class_values}
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


def fit_intensity(images: list[npt.NDArray[Any]]) -> IntensityMapping:
    """Return one mapping for all images to the 0-255 scale."""
    if len(images) == 1:
        return IntensityMapping.fit(images[0])
    flat = [image.reshape(-1, image.shape[-1]) for image in images]
    return IntensityMapping.fit(np.concatenate(flat))


def _pairs(images: Arrays, labels: Arrays) -> list[Pair]:
    """Return checked images `(*spatial, channels)` with their labels `spatial`."""
    image_list = list(images) if isinstance(images, (list, tuple)) else [images]
    label_list = list(labels) if isinstance(labels, (list, tuple)) else [labels]
    if len(image_list) != len(label_list) or not image_list:
        raise InputError(
            f"Each image needs its labels, but there are {len(image_list)} images and "
            f"{len(label_list)} labels. Give as many of one as of the other."
        )
    pairs = []
    for image, image_labels in zip(image_list, label_list, strict=True):
        checked = check_image(image)
        check_not_constant(checked)
        label_array = as_label_array(image_labels)
        if label_array.ndim < 2:
            raise InputError(
                "Labels need rows and columns, as the image has them, but their shape is "
                f"{label_array.shape}. Choose a labels layer that was painted on this image."
            )
        channels_last, spatial = split_channels(checked, label_array.shape)
        check_size(spatial)
        pairs.append((drop_alpha(channels_last), label_array))
    return pairs
