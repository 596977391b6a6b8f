"""`.keras` models: layers by the names in their configuration."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from napari_fcn_crf.fcn.weights.hdf5 import hdf5_tensors
from napari_fcn_crf.fcn.weights.tensors import KERAS, Convention, Tensor, not_weights

WEIGHTS_MEMBER = "model.weights.h5"
_CONFIG_LIMIT_BYTES = 16 * 2**20


@contextmanager
def keras_zip_tensors(path: Path) -> Iterator[tuple[dict[str, Tensor], Convention]]:
    """Open a `.keras` model's float arrays, named by their layer where it has a name.

    A model saved by this package says itself which means it subtracts, and takes RGB; any other is
    taken for one of Keras Applications.
    """
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("config.json").file_size > _CONFIG_LIMIT_BYTES:
            raise not_weights(path, "has a description larger than any VGG-16 needs")
        layers = _layers(json.loads(archive.read("config.json")))
        with archive.open(WEIGHTS_MEMBER) as member, hdf5_tensors(path, member) as tensors:
            names = _names_in_weights(layers)
            named = {
                names.get(key.rpartition("/vars/")[0], key.rpartition("/vars/")[0])
                + "/vars/"
                + key.rpartition("/vars/")[2]: tensor
                for key, tensor in tensors.items()
            }
            yield named, _convention(layers)


def _layers(config: Any) -> list[dict[str, Any]]:
    # A model with a class of its own does not list them.
    layers = config["config"].get("layers", [])
    return [layer for layer in layers if isinstance(layer.get("config"), dict)]


def _names_in_weights(layers: list[dict[str, Any]]) -> dict[str, str]:
    """Return each layer's name by its path, which counts the layers of its class."""
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
