"""VGG-16's layers among a file's arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.backbones import CONVOLUTIONS, FULLY_CONNECTED
from napari_fcn_crf.weights.formats.tensors import Layout, Tensor, Tensors

CLASSIFIER = "fc8"
_CLASSIFIER_LAYERS = (*FULLY_CONNECTED, CLASSIFIER)


@dataclass(frozen=True)
class LayerTensors:
    """Kernel and bias of one layer, as the file has them."""

    kernel: Tensor
    bias: Tensor


Layers = dict[str, LayerTensors]


def named_layers(tensors: Tensors, kernel: str, bias: str) -> Layers:
    """Return the layers of a dialect that calls them conv1_1, ..., fc8.

    Parameters
    ----------
    tensors : Tensors
    kernel, bias : str
        Patterns with `{group}` ("conv1", "fc6") and `{layer}` ("conv1_1", "fc6").
    """
    layers = {}
    for name in (*CONVOLUTIONS, *FULLY_CONNECTED, CLASSIFIER):
        layer = re.sub(r"block(\d)_conv(\d)", r"conv\1_\2", name)
        fields = {"group": layer.split("_")[0], "layer": layer}
        pair = tensors.get(kernel.format(**fields)), tensors.get(bias.format(**fields))
        if pair[0] is not None and pair[1] is not None:
            layers[name] = LayerTensors(pair[0], pair[1])
    return layers


def keras_layers(tensors: Tensors) -> Layers:
    """Return the layers of a file that Keras wrote: by name, or else by their order.

    Parameters
    ----------
    tensors : Tensors
        Named by their path in the file, e.g. "block1_conv1/block1_conv1_W_1:0",
        "model_weights/block1_conv1/block1_conv1/kernel:0", "layers/conv2d_3/vars/0", or
        "block1/layers/conv2d_1/vars/0" of a model with parts.
    """
    plain = dict(_kernel_and_bias(tensors))
    by_name = {_canonical(path): layer for path, layer in plain.items()}
    by_name.pop("", None)
    if all(name in by_name for name in CONVOLUTIONS):
        return by_name
    ordered = [plain[path] for path in sorted(plain, key=_natural_key)]
    # Others may stand between them: side outputs of 1x1, a classifier as convolutions.
    backbone = [layer for layer in ordered if layer.kernel.shape[:-2] == (3, 3)]
    others = [layer for layer in ordered if layer.kernel.shape[:-2] != (3, 3)]
    others = backbone[len(CONVOLUTIONS) :] + others
    others.sort(key=lambda layer: len(layer.kernel.shape) == 2)
    backbone = backbone[: len(CONVOLUTIONS)]
    filters = [3, *(layer.kernel.shape[3] for layer in backbone)]
    if filters[:-1] != [layer.kernel.shape[2] for layer in backbone]:
        return {}
    return in_order(backbone + (others if len(others) <= len(_CLASSIFIER_LAYERS) else []))


def in_order(layers: list[LayerTensors]) -> Layers:
    """Return the layers of a file that does not name them, but has no others either."""
    names = (*CONVOLUTIONS, *_CLASSIFIER_LAYERS)
    if not len(CONVOLUTIONS) <= len(layers) <= len(names):
        return {}
    return dict(zip(names, layers, strict=False))


def pytorch_layers(tensors: Tensors) -> Layers:
    """Return the layers of torchvision's or timm's `vgg16`, which number them with the others."""
    positions = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    prefixes = {
        name: [f"features.{position}"]
        for name, position in zip(CONVOLUTIONS, positions, strict=True)
    } | {
        "fc6": ["classifier.0", "pre_logits.fc1"],
        "fc7": ["classifier.3", "pre_logits.fc2"],
        "fc8": ["classifier.6", "head.fc"],
    }
    layers = {}
    for name, candidates in prefixes.items():
        for prefix in candidates:
            pair = tensors.get(f"{prefix}.weight"), tensors.get(f"{prefix}.bias")
            if pair[0] is not None and pair[1] is not None:
                layers[name] = LayerTensors(pair[0], pair[1])
    return layers


def _kernel_and_bias(tensors: Tensors) -> Iterator[tuple[str, LayerTensors]]:
    groups: dict[str, list[Tensor]] = {}
    for path, tensor in tensors.items():
        parent = path.rpartition("/")[0].removesuffix("/vars")
        if not path.startswith(("optimizer", "model_weights/optimizer")):
            groups.setdefault(parent, []).append(tensor)
    for parent, members in groups.items():
        kernels = [tensor for tensor in members if len(tensor.shape) in (2, 4)]
        biases = [tensor for tensor in members if len(tensor.shape) == 1]
        if len(members) == 2 and len(kernels) == len(biases) == 1:
            yield parent, LayerTensors(kernels[0], biases[0])


def _canonical(path: str) -> str:
    name = path.rpartition("/")[2]
    known = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
    name = known.get(name, name)
    return name if name in (*CONVOLUTIONS, *FULLY_CONNECTED, CLASSIFIER) else ""


def _natural_key(path: str) -> list[list[str | int]]:
    # "conv2d" before "conv2d_1" before "conv2d_10", and "block2" before "block10".
    return [
        [int(text) if text.isdecimal() else text for text in re.split(r"([0-9]+)", part)]
        for part in path.split("/")
    ]


def convolution_shape(shape: tuple[int, ...], layout: Layout, rows: int) -> tuple[int, ...]:
    """Return a kernel's shape as (rows, columns, in, out).

    Parameters
    ----------
    shape : tuple of int
        Of a convolution's or a dense layer's kernel in the file.
    layout : {"channels_last", "channels_first"}
    rows : int
        Rows and columns of the feature map that a dense layer was applied to.
    """
    if len(shape) == 4:
        if layout == "channels_last":
            return shape
        outputs, inputs, height, width = shape
        return height, width, inputs, outputs
    inputs, outputs = shape if layout == "channels_last" else shape[::-1]
    return rows, rows, inputs // rows**2, outputs


def as_convolution(
    kernel: npt.NDArray[np.float32], layout: Layout, rows: int
) -> npt.NDArray[np.float32]:
    """Return a convolution's or dense layer's kernel as `(rows, columns, in, out)`."""
    if layout == "channels_last":
        if kernel.ndim == 4:
            return kernel
        inputs, outputs = kernel.shape
        return kernel.reshape(rows, rows, inputs // rows**2, outputs)
    if kernel.ndim == 2:
        outputs, inputs = kernel.shape
        kernel = kernel.reshape(outputs, inputs // rows**2, rows, rows)
    return kernel.transpose(2, 3, 1, 0)
