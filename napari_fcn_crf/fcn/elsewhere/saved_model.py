"""Saved model of TensorFlow, which runs it from any language."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from napari_fcn_crf.fcn.onnx_graph.network_graph import IMAGE, PROBABILITIES


def write_saved_model(network: Any, path: Path) -> None:
    """Write a network from `whole_network` as a zip archive with a saved model in it.

    Parameters
    ----------
    network : keras.Model
        On Keras' TensorFlow backend.
    path : Path

    Notes
    -----
    Its endpoint and only signature is `serve`, from `image` to a dictionary of `probabilities`.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    image = keras.InputSpec(shape=network.input.shape, dtype="float32", name=IMAGE)
    archive.add_endpoint(
        "serve", lambda image: {PROBABILITIES: network(image)}, input_signature=[image]
    )
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        with zipfile.ZipFile(path, "w") as packed:
            for file in sorted(Path(folder).rglob("*")):
                if file.is_file():
                    packed.write(file, file.relative_to(folder))
