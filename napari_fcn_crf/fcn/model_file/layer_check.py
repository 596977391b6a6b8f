"""Layer check: a network's description against the weights that are in the same file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.weights.formats.keras_zip import names_in_weights

_MOST_LAYERS = 200
_LARGEST_STRIDE_PX = 64

_SIZES_PX = ("kernel_size", "strides", "dilation_rate", "pool_size", "size")

Shape = tuple[int, ...]


class WrongLayer(InputError):
    """A layer is not one of our networks', or its weights are not those in the file."""


def check_layers(config: dict[str, Any], shapes: dict[str, Shape]) -> None:
    """Refuse a network that would take more memory than its weights have in the file.

    Parameters
    ----------
    config : dict
        Of a functional model, as Keras writes it.
    shapes : dict of str to shape
        Of the arrays in the file, by their path.

    Raises
    ------
    WrongLayer
        With the layer.
    LookupError, TypeError, ValueError, AttributeError
        If the description is damaged.
    """
    layers = config["config"]["layers"]
    if len(layers) > _MOST_LAYERS:
        raise WrongLayer(f"{len(layers)} layers")
    paths = names_in_weights(layers)
    for path, layer in zip(paths, layers, strict=True):
        _check_sizes(layer)
        for number, expected in enumerate(_variables(layer)):
            if shapes.get(f"{path}/vars/{number}") != expected:
                raise WrongLayer(f"the weights of {layer['name']} have another shape")


def _check_sizes(layer: dict[str, Any]) -> None:
    settings = layer["config"]
    if layer["class_name"] == "InputLayer" and settings["batch_shape"][:-1] != [None] * 3:
        raise WrongLayer("an image of a size of its own")
    if settings.get("data_format", "channels_last") != "channels_last":
        raise WrongLayer(f"{layer['name']} has its channels first")
    for name in _SIZES_PX:
        for size in settings.get(name) or ():
            if not 1 <= size <= _LARGEST_STRIDE_PX:
                raise WrongLayer(f"{layer['name']} has a {name} that none has")


def _variables(layer: dict[str, Any]) -> Iterator[Shape]:
    """Iterate over the shapes of a layer's variables, in the order of the file."""
    kind, settings = layer["class_name"], layer["config"]
    if kind not in ("Conv2D", "Conv2DTranspose", "BatchNormalization"):
        return
    channels = layer["build_config"]["input_shape"][-1]
    if kind == "BatchNormalization":
        if settings["axis"] != -1:
            raise WrongLayer(f"{layer['name']} normalises another axis")
        for _ in range(settings["scale"] + settings["center"] + 2):
            yield (channels,)
        return
    filters = settings["filters"]
    ends = (channels, filters) if kind == "Conv2D" else (filters, channels)
    if settings.get("groups", 1) != 1:
        raise WrongLayer(f"{layer['name']} has groups")
    yield (*settings["kernel_size"], *ends)
    if settings["use_bias"]:
        yield (filters,)
