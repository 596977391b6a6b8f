"""Activations of a network's layers on a part of an image."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.padding import pad_image
from napari_fcn_crf.fcn.layers.plane import Plane

_SAMPLE_PX = 256


def activations(network: Any, tensors: list[Any], image: Plane) -> list[npt.NDArray[np.float32]]:
    """Return what some of a network's tensors are for the middle of an image."""
    rows, columns = (
        slice(max(0, side - _SAMPLE_PX) // 2, (side + _SAMPLE_PX) // 2) for side in image.shape[:2]
    )
    # Not traced, which takes longer than computing so little.
    observer = keras.Model(network.input, tensors)
    values = observer(pad_image(image[rows, columns])[np.newaxis], training=False)
    return [keras.ops.convert_to_numpy(value) for value in as_list(values)]
