"""Format of a weights file, told by its first bytes, and the VGG-16 layers that it holds."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.atomic_files import why_no_file
from napari_fcn_crf.weights.formats import table
from napari_fcn_crf.weights.formats.checkpoint import is_in_parts
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.tensors import Convention, not_weights
from napari_fcn_crf.weights.formats.vgg_layers import Layers

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
    kind, look = _kind_of(path)
    layers, convention = kind.read(look, stack)
    return Found(kind.title, layers, convention)


def needs_tensorflow(path: Path) -> bool:
    """Return whether a weights file, of whose kind nothing more is looked at, is TensorFlow's.

    Raises
    ------
    ValueError
        If it is of no known kind.
    """
    return _kind_of(path)[0].needs_tensorflow


def _kind_of(path: Path) -> tuple[WeightsFormat, FirstLook]:
    look = _first_look(path)
    for kind in table.FORMATS:
        if kind.matches(look):
            return kind, look
    if look.is_zip:
        raise not_weights(path, "is a zip file of another kind")
    if look.head.startswith(_PICKLE_MAGIC):
        raise not_weights(path, "is a Python pickle, which could run code and is never opened")
    raise not_weights(path, "is of none of these kinds")


def _first_look(path: Path) -> FirstLook:
    if is_in_parts(path):
        return FirstLook(path)
    if reason := why_no_file(path):
        raise not_weights(path, reason)
    look = FirstLook.at(path)
    if not look.head:
        raise not_weights(path, "is empty")
    return look
