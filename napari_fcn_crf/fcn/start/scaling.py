"""Scaling of new layers to what goes into them, where that is known."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.mapped_image import Plane
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list
from napari_fcn_crf.fcn.layers.padding import pad_image

_SAMPLE_PX = 256


def scale_to_inputs(network: Any, names: list[str], image: Plane) -> None:
    """Scale random kernels so that, on an image, a layer's output has unit size.

    Parameters
    ----------
    network : keras.Model
    names : list of str
        The layers, first to last; each ends in a rectifier and has no bias yet.
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        On the 0-255 scale.

    Notes
    -----
    He's initialisation keeps the size of what goes in. Behind a published VGG-16 that is anything
    up to a thousand, and so would be the first scores. The size aimed at is the root mean square
    before the rectifier, of which half is left behind it.

    References
    ----------
    Mishkin and Matas, "All you need is a good init", ICLR 2016,
    https://doi.org/10.48550/arXiv.1511.06422
    """
    for name in names:
        layer = network.get_layer(name)
        (output,) = activations(network, [layer.output], image)
        size = np.sqrt(2 * np.mean(np.square(output)))
        if size > 0:
            layer.kernel.assign(layer.kernel / size)


def activations(network: Any, tensors: list[Any], image: Plane) -> list[npt.NDArray[np.float32]]:
    """Return what some of a network's tensors are for the middle of an image."""
    rows, columns = (
        slice(max(0, side - _SAMPLE_PX) // 2, (side + _SAMPLE_PX) // 2) for side in image.shape[:2]
    )
    observer = keras.Model(network.input, tensors)
    observer.jit_compile = False
    values = observer.predict_on_batch(pad_image(image[rows, columns])[np.newaxis])
    return [keras.ops.convert_to_numpy(value) for value in as_list(values)]
