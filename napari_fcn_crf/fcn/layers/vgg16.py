"""VGG-16 without its classifier: thirteen convolutions, and fc6 and fc7 as convolutions."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.backbones import VGGWidths

IMAGENET_MEANS = (123.68, 116.779, 103.939)
"""Mean red, green and blue of ImageNet on the 0-255 scale."""


def preprocess(image: Any, means: tuple[float, ...] = IMAGENET_MEANS) -> Any:
    """Subtract the means inside the network, so that a saved model takes plain 0-255 images.

    Grey images become three equal channels. Images with neither one nor three channels have the
    mean of `means` subtracted from each.
    """
    channels = image.shape[-1]
    if channels == 1:
        image = keras.layers.Concatenate(name="gray_to_rgb")([image, image, image])
        channels = 3
    if channels != 3:
        means = (sum(means) / len(means),) * channels
    offset = [-mean for mean in means]
    return keras.layers.Rescaling(1.0, offset=offset, name="subtract_means")(image)


def convolution(features: Any, filters: int, kernel: int, name: str, dilation: int = 1) -> Any:
    """Convolve with SAME padding and rectify.

    The weights start as zeros because `initialisation.initialise` or a weights file sets them.
    """
    return keras.layers.Conv2D(
        filters,
        kernel,
        padding="same",
        dilation_rate=dilation,
        activation="relu",
        kernel_initializer="zeros",
        data_format="channels_last",
        name=name,
    )(features)


def pool(features: Any, name: str) -> Any:
    """Halve rows and columns by the maximum of 2x2 pixels."""
    return keras.layers.MaxPooling2D(2, padding="same", data_format="channels_last", name=name)(
        features
    )


def vgg16_to_conv4(image: Any, widths: VGGWidths) -> dict[str, Any]:
    """Return what goes into the first four poolings and what comes out of the first three.

    "conv1" (stride 1) to "conv4" (stride 8), and "pool1" (stride 2) to "pool3" (stride 8).

    Parameters
    ----------
    image : tensor, shape `(batch, rows, columns, channels)`
        With the means subtracted.
    widths : VGGWidths

    References
    ----------
    Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
    configuration D, ICLR 2015, https://doi.org/10.48550/arXiv.1409.1556
    """
    width1, width2, width3, width4, _ = widths.blocks

    x = convolution(image, width1, 3, "block1_conv1")
    conv1 = convolution(x, width1, 3, "block1_conv2")
    pool1 = pool(conv1, "pool1")

    x = convolution(pool1, width2, 3, "block2_conv1")
    conv2 = convolution(x, width2, 3, "block2_conv2")
    pool2 = pool(conv2, "pool2")

    x = convolution(pool2, width3, 3, "block3_conv1")
    x = convolution(x, width3, 3, "block3_conv2")
    conv3 = convolution(x, width3, 3, "block3_conv3")
    pool3 = pool(conv3, "pool3")

    x = convolution(pool3, width4, 3, "block4_conv1")
    x = convolution(x, width4, 3, "block4_conv2")
    conv4 = convolution(x, width4, 3, "block4_conv3")

    convolutions = {"conv1": conv1, "conv2": conv2, "conv3": conv3, "conv4": conv4}
    return convolutions | {"pool1": pool1, "pool2": pool2, "pool3": pool3}


def vgg16_features(image: Any, widths: VGGWidths) -> dict[str, Any]:
    """Return the outputs of the five poolings, "pool1" (stride 2) to "pool5" (stride 32).

    What goes into each pooling is there too: "conv1" (stride 1) to "conv5" (stride 16).

    Parameters
    ----------
    image : tensor, shape `(batch, rows, columns, channels)`
        With the means subtracted.
    widths : VGGWidths
    """
    features = vgg16_to_conv4(image, widths)
    width5 = widths.blocks[4]

    pool4 = pool(features["conv4"], "pool4")

    x = convolution(pool4, width5, 3, "block5_conv1")
    x = convolution(x, width5, 3, "block5_conv2")
    conv5 = convolution(x, width5, 3, "block5_conv3")
    pool5 = pool(conv5, "pool5")

    return features | {"conv5": conv5, "pool4": pool4, "pool5": pool5}


def score(features: Any, n_classes: int, name: str) -> Any:
    """Return class scores: a 1x1 convolution without an activation."""
    return keras.layers.Conv2D(
        n_classes, 1, kernel_initializer="zeros", data_format="channels_last", name=name
    )(features)


def vgg16_classifier(pool5: Any, widths: VGGWidths, dropout: float, seed: int) -> Any:
    """Return fc7's output: fc6 and fc7 as convolutions, each followed by dropout."""
    x = convolution(pool5, widths.fc, widths.fc6_kernel, "fc6")
    x = keras.layers.Dropout(dropout, seed=seed, name="dropout6")(x)
    x = convolution(x, widths.fc, 1, "fc7")
    return keras.layers.Dropout(dropout, seed=seed + 1, name="dropout7")(x)
