"""`.keras` models: layers by the names in their configuration."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.hdf5 import hdf5_tensors
from napari_fcn_crf.weights.formats.tensors import KERAS, Convention, Tensor, not_weights
from napari_fcn_crf.weights.formats.vgg_layers import Layers, keras_layers
from napari_fcn_crf.zip_files import open_zip

WEIGHTS_MEMBER = "model.weights.h5"
CONFIG_LIMIT_BYTES = 2**20
"""A network's description; those of our networks have 50 kB at most."""


@contextmanager
def keras_zip_tensors(path: Path) -> Iterator[tuple[dict[str, Tensor], Convention]]:
    """Open a `.keras` model's float arrays, named by their layer where it has a name.

    A model saved by this package says itself which means it subtracts, and takes RGB; any other is
    taken for one of Keras Applications.
    """
    with open_zip(path) as archive:
        if archive.getinfo("config.json").file_size > CONFIG_LIMIT_BYTES:
            raise not_weights(path, "has a description larger than any VGG-16 needs")
        if archive.getinfo(WEIGHTS_MEMBER).compress_type != zipfile.ZIP_STORED:
            raise not_weights(path, "is a compressed zip file, which Keras never writes")
        layers = _configured(json.loads(archive.read("config.json")))
        with archive.open(WEIGHTS_MEMBER) as member, hdf5_tensors(path, member) as tensors:
            names = names_in_weights(layers)
            named = {}
            for key, tensor in tensors.items():
                layer, _, number = key.rpartition("/vars/")
                named[f"{names.get(layer, layer)}/vars/{number}"] = tensor
            yield named, _convention(layers)


def _configured(config: Any) -> list[dict[str, Any]]:
    # A model with a class of its own does not list them.
    layers = config["config"].get("layers", [])
    return [layer for layer in layers if isinstance(layer.get("config"), dict)]


def names_in_weights(layers: list[dict[str, Any]]) -> dict[str, str]:
    """Return each layer's name by its path in the weights, which counts those of its class."""
    seen: Counter[str] = Counter()
    names = {}
    for layer in layers:
        # "Conv2DTranspose" is "conv2d_transpose".
        snake = re.sub(r"(?<=.)(?=[A-Z][a-z])", "_", str(layer["class_name"])).lower()
        number = f"_{seen[snake]}" if seen[snake] else ""
        names[f"layers/{snake}{number}"] = str(layer["config"].get("name"))
        seen[snake] += 1
    return names


def _convention(layers: list[dict[str, Any]]) -> Convention:
    for layer in layers:
        if layer["config"].get("name") == "subtract_means":
            offsets = [float(offset) for offset in layer["config"]["offset"]]
            if len(offsets) == 3:
                red, green, blue = (-offset for offset in offsets)
                return Convention("RGB", (red, green, blue))
    return KERAS


def _matches(look: FirstLook) -> bool:
    return WEIGHTS_MEMBER in look.members


def _layers(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    tensors, convention = stack.enter_context(keras_zip_tensors(look.path))
    return keras_layers(tensors), convention


FORMAT = WeightsFormat("Keras model", (".keras",), _matches, _layers)
