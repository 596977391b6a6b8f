"""Adaptation of published kernels to a network that is not quite the published one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Kernel = npt.NDArray[np.float32]
Bias = npt.NDArray[np.float32]


def adapt(kernel: Kernel, bias: Bias, shape: tuple[int, ...]) -> tuple[Kernel, Bias]:
    """Return kernel and bias of VGG-16 for a layer of another shape.

    Parameters
    ----------
    kernel : array of float32, shape `(rows, columns, in, out)`
    bias : array of float32, shape `(out,)`
    shape : tuple of int
        `(rows, columns, in, out)` of the layer.
    """
    rows, columns, inputs, outputs = shape
    if kernel.shape == shape:
        return kernel, bias
    if kernel.shape == (rows, columns, 3, outputs) and inputs != 3:
        return spread_channels(kernel, inputs), bias
    return decimate(kernel, bias, shape)


def spread_channels(kernel: Kernel, channels: int) -> Kernel:
    """Return conv1_1's kernel for images of another number of channels.

    A single channel gets the sum of red, green and blue. Several are these in turn, and share what
    there is of each, so that channels which are each other's opposite do not cancel out. An image
    whose channels are all equal gives the same response as before. Kernels that fit are returned as
    they are.
    """
    if kernel.shape[2] == channels:
        return kernel
    of_channel = np.arange(channels) % 3
    spread = np.zeros((*kernel.shape[:2], channels, kernel.shape[3]), kernel.dtype)
    for colour in range(3):
        # Of two channels none is blue: both have their part of it.
        sharing = np.flatnonzero(of_channel == colour)
        sharing = sharing if sharing.size else np.arange(channels)
        spread[:, :, sharing] += kernel[:, :, colour : colour + 1] / sharing.size
    return spread


def decimate(kernel: Kernel, bias: Bias, shape: tuple[int, ...]) -> tuple[Kernel, Bias]:
    """Return every n-th value along each axis of a kernel, first and last pixel included.

    How DeepLab makes its 3x3 fc6 of 1024 filters from the 7x7 one of 4096.

    References
    ----------
    Chen, Papandreou, Kokkinos, Murphy and Yuille, "Semantic image segmentation with deep
    convolutional nets and fully connected CRFs", ICLR 2015, section 3.2,
    https://doi.org/10.48550/arXiv.1412.7062
    """
    rows, columns, inputs, outputs = (
        np.linspace(0, found - 1, wanted).round().astype(int)
        if axis < 2
        else np.arange(wanted) * (found // wanted)
        for axis, (found, wanted) in enumerate(zip(kernel.shape, shape, strict=True))
    )
    return kernel[np.ix_(rows, columns, inputs, outputs)], bias[outputs]
