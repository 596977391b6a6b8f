"""Weights formats of a bioimage.io package, each of them a whole network of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from napari_fcn_crf.fcn.elsewhere.whole_network import whole_network
from napari_fcn_crf.fcn.onnx_graph.builder import OPSET
from napari_fcn_crf.fcn.onnx_graph.network_graph import onnx_graph

if TYPE_CHECKING:
    import onnx

    from napari_fcn_crf.model.card import ModelCard


@dataclass(frozen=True)
class Trained:
    """A trained network, and what files are made of; each once."""

    network: Any
    card: ModelCard

    @cached_property
    def graph(self) -> onnx.ModelProto:
        """The whole network as an ONNX graph."""
        return onnx_graph(self.network, self.card)

    @cached_property
    def whole(self) -> Any:
        """The whole network in plain Keras."""
        return whole_network(self.network, self.card)


@dataclass(frozen=True)
class WeightsFormat:
    """A format of weights.

    Parameters
    ----------
    title : str
    file : str
        Its name in the package.
    write : callable
        Writes a trained network to a path, and returns what the description says of it.
    is_possible : callable
        Whether what writes it is there.
    """

    title: str
    file: str
    write: Callable[[Trained, Path], dict[str, Any]]
    is_possible: Callable[[], bool] = lambda: True


def _keras_file(trained: Trained, path: Path) -> dict[str, Any]:
    trained.whole.save(path)
    return {"keras_version": keras.__version__, "backend": list(_backend())}


def _onnx(trained: Trained, path: Path) -> dict[str, Any]:
    path.write_bytes(trained.graph.SerializeToString())
    return {"opset_version": OPSET}


def _saved_model(trained: Trained, path: Path) -> dict[str, Any]:
    from napari_fcn_crf.fcn.elsewhere.saved_model import write_saved_model

    write_saved_model(trained.whole, path)
    return {"tensorflow_version": _backend()[1]}


def _torch_script(trained: Trained, path: Path) -> dict[str, Any]:
    import torch

    from napari_fcn_crf.fcn.elsewhere.torch_script import write_torch_script

    write_torch_script(trained.graph, path)
    return {"pytorch_version": torch.__version__}


def _backend() -> tuple[str, str]:
    name = keras.backend.backend()
    return name, importlib.import_module(name).__version__


ORIGINAL = "keras_v3"
"""What the others are made of, as the description has it."""

WEIGHTS_FORMATS = {
    ORIGINAL: WeightsFormat("Keras", "weights.keras", _keras_file),
    "onnx": WeightsFormat("ONNX", "weights.onnx", _onnx),
    "tensorflow_saved_model_bundle": WeightsFormat(
        "TensorFlow",
        "saved_model.zip",
        _saved_model,
        lambda: keras.backend.backend() == "tensorflow",
    ),
    "torchscript": WeightsFormat(
        "TorchScript",
        "weights.pt",
        _torch_script,
        lambda: importlib.util.find_spec("torch") is not None,
    ),
}
"""By their names in the specification, in the order in which they are written."""
