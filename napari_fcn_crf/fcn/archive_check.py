"""What a `.keras` file may contain before Keras is let near it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from napari_fcn_crf.files import ZIP_ERRORS
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model import CARD_MEMBER

WEIGHTS_MEMBER = "model.weights.h5"

OPTIMIZER_MEMBER = "napari_fcn_crf.optimizer.npz"
"""Member that holds the optimizer's state."""

_SIZE_LIMITS = {
    "metadata.json": 2**20,
    "config.json": 16 * 2**20,
    # The full VGG-16 with Adam's moments has 1.6 GB.
    WEIGHTS_MEMBER: 4 * 2**30,
    CARD_MEMBER: 16 * 2**20,
    OPTIMIZER_MEMBER: 4 * 2**30,
}

# Every class that our networks, and the optimizer and loss they may be saved with, consist of.
_ALLOWED_CLASSES = frozenset(
    {
        "Adam",
        "Add",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Conv2D",
        "Conv2DTranspose",
        "Cropping2D",
        "DTypePolicy",
        "Dropout",
        "Functional",
        "GlorotUniform",
        "InputLayer",
        "L2",
        "MaxPooling2D",
        "Ones",
        "ReLU",
        "Rescaling",
        "SparseCategoricalCrossentropy",
        "UpSampling2D",
        "Zeros",
        "ZeroPadding2D",
        "__keras_tensor__",
        "__numpy__",
    }
)


def check_archive(path: Path) -> None:
    """Refuse a `.keras` file that is not made of plain layers, or grows when unpacked.

    Raises
    ------
    ValueError
        With the member, the size or the class that is not allowed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                _check_member(path, info)
            config = json.loads(archive.read("config.json"))
    except (*ZIP_ERRORS, KeyError) as error:
        raise InputError(
            f"Expected a .keras model file, but {path.name} cannot be read as one ({error}). "
            "It may be truncated; choose another file."
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(
            f"The network in {path.name} is damaged: its description is not JSON. "
            "Choose another file."
        ) from error
    _check_config(path, config)


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    limit = _SIZE_LIMITS.get(info.filename)
    if limit is None:
        raise InputError(
            f"{path.name} contains {info.filename!r}, which no model saved here does. "
            "Choose a model saved by napari-fcn-crf."
        )
    if info.file_size > limit:
        raise InputError(
            f"{info.filename} in {path.name} unpacks to {info.file_size} bytes, more than the "
            f"{limit} any model here needs. Choose another file."
        )


def _check_config(path: Path, config: Any) -> None:
    # Iterative, so that no depth of nesting can exhaust the stack.
    pending = [config]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            pending.extend(node.values())
            if "class_name" in node:
                _check_class(path, node)


def _check_class(path: Path, node: dict[str, Any]) -> None:
    name, module = node["class_name"], node.get("module")
    plain = isinstance(name, str) and name in _ALLOWED_CLASSES
    own = module is None or (
        isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    )
    if not (plain and own) or node.get("registered_name") not in (None, name):
        raise InputError(
            f"{path.name} contains a {name!s} of {module!s}, which could run code from the file. "
            "Only networks made of plain Keras layers are opened; choose a model saved here."
        )
