"""Scaling of new layers to what goes into them, where that is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.fcn.layers.activations import activations
from napari_fcn_crf.fcn.layers.plane import Plane


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
