"""Which kind of file it is, by its first bytes, and which of its arrays are VGG-16's layers."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.atomic_files import why_no_file
from napari_fcn_crf.weights.formats import checkpoint, tensors
from napari_fcn_crf.weights.formats.hdf5 import hdf5_tensors
from napari_fcn_crf.weights.formats.keras_zip import WEIGHTS_MEMBER, keras_zip_tensors
from napari_fcn_crf.weights.formats.npz import npz_tensors
from napari_fcn_crf.weights.formats.onnx import looks_like_onnx, onnx_layers
from napari_fcn_crf.weights.formats.pytorch import (
    LEGACY_MAGIC,
    pytorch_legacy_tensors,
    pytorch_zip_tensors,
)
from napari_fcn_crf.weights.formats.safetensors import looks_like_safetensors, safetensors_tensors
from napari_fcn_crf.weights.formats.tensors import Convention, not_weights
from napari_fcn_crf.weights.formats.vgg_layers import (
    Layers,
    keras_layers,
    named_layers,
    pytorch_layers,
)
from napari_fcn_crf.zip_files import open_zip

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"
_PICKLE_MAGIC = b"\x80"


@dataclass(frozen=True)
class Found:
    """The layers in a file, before anything about their shapes is known.

    Parameters
    ----------
    form : str
        "Keras HDF5", "TF-Slim checkpoint", ...
    layers : dict
        By our names.
    convention : Convention
    """

    form: str
    layers: Layers
    convention: Convention


def recognise(path: Path, stack: ExitStack) -> Found:
    """Find VGG-16's layers in a file of any known kind, which `stack` keeps open.

    Raises
    ------
    ValueError
        If it is of none of them.
    """
    if checkpoint.weight_files(path) != [path]:
        return _checkpoint(path, stack)
    if reason := why_no_file(path):
        raise not_weights(path, reason)
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        file.seek(max(0, size - 8))
        tail = file.read(8)
    if not head:
        raise not_weights(path, "is empty")
    if head.startswith(_HDF5_MAGIC):
        found = stack.enter_context(hdf5_tensors(path))
        return Found("Keras HDF5", keras_layers(found), tensors.KERAS)
    if head.startswith(_ZIP_MAGIC):
        return _zip(path, stack)
    if tail == checkpoint.TABLE_MAGIC:
        return _checkpoint(path, stack)
    if head.startswith(LEGACY_MAGIC):
        found = stack.enter_context(pytorch_legacy_tensors(path))
        return Found("PyTorch", pytorch_layers(found), tensors.TORCH)
    if looks_like_safetensors(head, size):
        found = stack.enter_context(safetensors_tensors(path))
        return Found("safetensors", pytorch_layers(found), tensors.TORCH)
    if looks_like_onnx(head):
        return Found("ONNX", stack.enter_context(onnx_layers(path)), tensors.TORCH)
    if head.startswith(_PICKLE_MAGIC):
        raise not_weights(path, "is a Python pickle, which could run code and is never opened")
    raise not_weights(path, "is of none of these kinds")


def _checkpoint(path: Path, stack: ExitStack) -> Found:
    found = stack.enter_context(checkpoint.checkpoint_tensors(path))
    convolutions = named_layers(
        found, "vgg_16/{group}/{layer}/weights", "vgg_16/{group}/{layer}/biases"
    )
    others = named_layers(found, "vgg_16/{layer}/weights", "vgg_16/{layer}/biases")
    return Found("TF-Slim checkpoint", convolutions | others, tensors.SLIM)


def _zip(path: Path, stack: ExitStack) -> Found:
    with open_zip(path) as archive:
        members = archive.namelist()
    if WEIGHTS_MEMBER in members:
        found, convention = stack.enter_context(keras_zip_tensors(path))
        return Found("Keras model", keras_layers(found), convention)
    if any(name.endswith("/data.pkl") for name in members):
        found = stack.enter_context(pytorch_zip_tensors(path))
        return Found("PyTorch", pytorch_layers(found), tensors.TORCH)
    if any(name.endswith(".npy") for name in members):
        found = stack.enter_context(npz_tensors(path))
        return Found(
            "numpy archive", named_layers(found, "{layer}_W", "{layer}_b"), tensors.FROSSARD
        )
    raise not_weights(path, "is a zip file of another kind")
