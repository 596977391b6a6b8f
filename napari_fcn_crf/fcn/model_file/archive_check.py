"""Archive check: what a `.keras` file may contain before Keras is let near it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

from napari_fcn_crf.atomic_files import ZIP_ERRORS
from napari_fcn_crf.fcn.model_file.layer_check import Shape, WrongLayer, check_layers
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import CARD_LIMIT_BYTES, CARD_MEMBER
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.weights.formats.hdf5 import datasets_of, storage_problem
from napari_fcn_crf.weights.formats.hdf5_heaps import check_heaps
from napari_fcn_crf.weights.formats.keras_zip import CONFIG_LIMIT_BYTES, WEIGHTS_MEMBER
from napari_fcn_crf.zip_files import open_zip

OPTIMIZER_MEMBER = "napari_fcn_crf.optimizer.npz"
"""Member that holds the optimizer's state."""

_SIZE_LIMITS = {
    "metadata.json": 2**20,
    "config.json": CONFIG_LIMIT_BYTES,
    # The full VGG-16 with Adam's moments has 1.6 GB.
    WEIGHTS_MEMBER: 4 * 2**30,
    CARD_MEMBER: CARD_LIMIT_BYTES,
    OPTIMIZER_MEMBER: 4 * 2**30,
}

_POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")

# Every class that our networks consist of.
_ALLOWED_CLASSES = frozenset(
    {
        "Activation",
        "Add",
        "AveragePooling2D",
        "BatchNormalization",
        "Concatenate",
        "Conv2D",
        "Conv2DTranspose",
        "DTypePolicy",
        "Dropout",
        "Functional",
        "InputLayer",
        "L2",
        "MaxPooling2D",
        "Ones",
        "ReLU",
        "Rescaling",
        "UpSampling2D",
        "Zeros",
        "__keras_tensor__",
    }
)


def check_archive(path: Path) -> None:
    """Refuse a `.keras` file that is not made of plain layers, or grows when unpacked.

    Raises
    ------
    ValueError
        With the member, the size or the class that is not allowed.
    """
    name = quoted(path.name)
    try:
        with open_zip(path) as archive:
            for info in archive.infolist():
                _check_member(name, info)
            config = json.loads(archive.read("config.json"))
            with archive.open(WEIGHTS_MEMBER) as member:
                shapes = _shapes(name, member)
    except Refused:
        raise
    # The last is h5py's, where a name in the file is no text.
    except (*ZIP_ERRORS, KeyError, ValueError, SystemError) as error:
        raise InputError(
            f"Expected a .keras model file, but {name} cannot be read as one "
            f"({type(error).__name__}). It may be damaged; choose another file."
        ) from error
    try:
        _check_classes(name, config)
        check_layers(config, shapes)
    except WrongLayer as error:
        raise _refused(
            name, f"it is no network of this plugin: {quoted(str(error), 80)}"
        ) from error
    except Refused:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _refused(name, "its description is damaged") from error


class Refused(InputError):
    """What a file contains is not allowed."""


def _refused(name: str, reason: str) -> Refused:
    return Refused(f"{name} is not opened: {reason}. Choose a model saved by napari-fcn-crf.")


def _shapes(name: str, member: Any) -> dict[str, Shape]:
    check_heaps(member)
    with h5py.File(member, "r") as root:
        if root.visititems_links(lambda _, link: not isinstance(link, h5py.HardLink) or None):
            raise _refused(name, "its weights refer to other files or places")
        datasets = datasets_of(root)
        for key, dataset in datasets.items():
            if problem := storage_problem(dataset):
                raise _refused(name, f"it {problem} ({quoted(key)})")
            if dataset.dtype.kind != "f":
                raise _refused(name, f"its weights hold other things than numbers ({quoted(key)})")
        return {key: dataset.shape for key, dataset in datasets.items()}


def _check_member(name: str, info: zipfile.ZipInfo) -> None:
    limit = _SIZE_LIMITS.get(info.filename)
    if limit is None:
        raise _refused(name, f"it contains {quoted(info.filename)}, which no model saved here does")
    if info.file_size > limit:
        raise _refused(
            name,
            f"{info.filename} unpacks to {info.file_size} bytes, more than the {limit} of any "
            "model here",
        )
    if (
        info.filename in (WEIGHTS_MEMBER, OPTIMIZER_MEMBER)
        and info.compress_type != zipfile.ZIP_STORED
    ):
        raise _refused(name, "its weights are compressed, as Keras never writes them")


def _check_classes(name: str, config: Any) -> None:
    # Iterative, so that no depth of nesting can exhaust the stack.
    pending = [config]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            pending.extend(node.values())
            if "class_name" in node:
                _check_class(name, node, is_root=node is config)


def _check_class(name: str, node: dict[str, Any], *, is_root: bool) -> None:
    kind, module = node["class_name"], node.get("module")
    plain = isinstance(kind, str) and kind in _ALLOWED_CLASSES
    own = module is None or (
        isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    )
    if not (plain and own) or node.get("registered_name") not in (None, kind):
        what = f"{kind} of {module}" if isinstance(kind, str) else "class without a name"
        raise _refused(name, f"it contains a {quoted(what)}, which could run code from the file")
    if (kind == "Functional") != is_root:
        raise _refused(name, "it is not one network of plain layers")
    if kind == "DTypePolicy" and node["config"]["name"] not in _POLICIES:
        raise _refused(name, "its numbers are of a type that none of our networks has")
