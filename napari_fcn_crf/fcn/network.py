"""A network from its settings: preprocessing, backbone, head, and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from napari_fcn_crf.fcn.fcn32s import fcn32s
from napari_fcn_crf.fcn.initialisation import initialise
from napari_fcn_crf.fcn.vgg16 import WIDTHS, preprocess
from napari_fcn_crf.settings import Architecture, TrainingSettings

HEADS: dict[Architecture, Callable[..., Any]] = {"fcn32s": fcn32s}


def build_network(settings: TrainingSettings, channels: int, n_classes: int) -> tuple[Any, str]:
    """Build a network that maps 0-255 images to logits of the same rows and columns.

    Parameters
    ----------
    settings : TrainingSettings
        Its architecture, backbone, weights, dropout and seed are used.
    channels, n_classes : int

    Returns
    -------
    network : keras.Model
        From `(batch, rows, columns, channels)` to `(batch, rows, columns, n_classes)`; rows and
        columns must be multiples of 32.
    description : str
        Where the weights came from, as one phrase.

    Raises
    ------
    ValueError
        If the weights file cannot be used; the message says why.
    """
    image = keras.Input((None, None, channels), name="image")
    logits = HEADS[settings.architecture](
        preprocess(image), WIDTHS[settings.backbone], n_classes, settings.dropout, settings.seed
    )
    network = keras.Model(image, logits, name=f"{settings.architecture}_{n_classes}")
    initialise(network, settings.seed)
    return network, "random (He)"
