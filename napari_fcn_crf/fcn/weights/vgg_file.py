"""A VGG-16 in a file, in whatever dialect: recognised, described, read layer by layer."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.weights import checkpoint, layers, tensors
from napari_fcn_crf.fcn.weights.hdf5 import hdf5_tensors
from napari_fcn_crf.fcn.weights.layers import CLASSIFIER, CONVOLUTIONS, FULLY_CONNECTED, Layers
from napari_fcn_crf.fcn.weights.npz import npz_tensors
from napari_fcn_crf.fcn.weights.tensors import Convention, WeightsError, not_weights
from napari_fcn_crf.fcn.widths import WIDTHS, VGGWidths
from napari_fcn_crf.files import ZIP_ERRORS
from napari_fcn_crf.settings import Backbone

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_ZIP_MAGIC = b"PK\x03\x04"
_READ_ERRORS = (*ZIP_ERRORS, KeyError, ValueError)


@dataclass(frozen=True)
class VGGFile:
    """An opened weights file that holds VGG-16.

    Parameters
    ----------
    path : Path
    form : str
        "Keras HDF5", "TF-Slim checkpoint", ...
    backbone : {"vgg16", "vgg16-compact"}
        Which network its shapes are those of.
    layers : dict
        The layers it has, by our names.
    convention : Convention
    """

    path: Path
    form: str
    backbone: Backbone
    layers: Layers
    convention: Convention

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers that `read` gives, first to last."""
        return tuple(name for name in (*CONVOLUTIONS, *FULLY_CONNECTED) if name in self.layers)

    def describe(self) -> str:
        """Return what was found as one line."""
        title = {"vgg16": "VGG-16", "vgg16-compact": "VGG-16 compact"}[self.backbone]
        fully_connected = [name for name in FULLY_CONNECTED if name in self.layers]
        found = " + ".join(filter(None, ["13 conv", ", ".join(fully_connected)]))
        left_out = f"; {CLASSIFIER} left out" if CLASSIFIER in self.layers else ""
        order, means = self.convention.order, self.convention.means
        shown = means if order == "RGB" else means[::-1]
        numbers = "/".join(f"{round(mean, 2):g}" for mean in shown)
        return f"{title}, {self.form}, {found}{left_out}; {order}, means {numbers}"

    def read(self, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return a layer's kernel `(rows, columns, in, out)`, for 0-255 RGB, and its bias.

        Raises
        ------
        ValueError
            If the file is damaged there.
        """
        layer = self.layers[name]
        widths = WIDTHS[self.backbone]
        try:
            kernel, bias = layer.kernel.read(), layer.bias.read()
        except _READ_ERRORS as error:
            raise not_weights(self.path, f"is damaged at {name}") from error
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise not_weights(self.path, f"has values that are not finite in {name}")
        kernel = layers.as_convolution(kernel, self.convention.layout, _dense_rows(name, widths))
        if name == CONVOLUTIONS[0]:
            if self.convention.order == "BGR":
                kernel = kernel[:, :, ::-1]
            deviations = np.asarray(self.convention.deviations, np.float32)
            kernel = kernel / deviations[:, np.newaxis]
        return np.ascontiguousarray(kernel), bias


@contextmanager
def open_weights(path: str | Path) -> Iterator[VGGFile]:
    """Open a file with VGG-16's weights.

    Raises
    ------
    ValueError
        If it is not one; the message says what was found instead.
    """
    path = Path(path)
    if path.is_dir():
        raise not_weights(path, "is a folder")
    with ExitStack() as stack:
        try:
            file = _recognise(path, stack)
        except WeightsError:
            raise
        except _READ_ERRORS as error:
            raise not_weights(path, "cannot be read; it may be truncated") from error
        yield file


def describe_weights(path: str | Path) -> str:
    """Return what a weights file holds as one line, without building a network.

    Raises
    ------
    ValueError
        If it does not hold VGG-16; the message says what was found instead.
    """
    with open_weights(path) as file:
        return file.describe()


def _recognise(path: Path, stack: ExitStack) -> VGGFile:
    prefix = checkpoint.checkpoint_prefix(path)
    index = prefix.with_name(prefix.name + ".index")
    if index.exists():
        return _open_checkpoint(path, stack)
    if not path.exists():
        raise not_weights(path, "does not exist")
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(max(0, path.stat().st_size - 8))
        tail = file.read(8)
    if head == _HDF5_MAGIC:
        found = stack.enter_context(hdf5_tensors(path))
        return _vgg_file(path, "Keras HDF5", layers.keras_layers(found), tensors.KERAS)
    if head.startswith(_ZIP_MAGIC):
        return _open_zip(path, stack)
    if tail == checkpoint.TABLE_MAGIC:
        return _open_checkpoint(path, stack)
    if not head:
        raise not_weights(path, "is empty")
    raise not_weights(path, "is of none of these kinds")


def _open_checkpoint(path: Path, stack: ExitStack) -> VGGFile:
    found = stack.enter_context(checkpoint.checkpoint_tensors(path))
    named = layers.named_layers(
        found, "vgg_16/{group}/{layer}/weights", "vgg_16/{group}/{layer}/biases"
    ) | layers.named_layers(found, "vgg_16/{layer}/weights", "vgg_16/{layer}/biases")
    return _vgg_file(path, "TF-Slim checkpoint", named, tensors.SLIM)


def _open_zip(path: Path, stack: ExitStack) -> VGGFile:
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
    if "model.weights.h5" in members:
        archive = stack.enter_context(zipfile.ZipFile(path))
        member = stack.enter_context(archive.open("model.weights.h5"))
        found = stack.enter_context(hdf5_tensors(path, member))
        return _vgg_file(path, "Keras model", layers.keras_layers(found), tensors.KERAS)
    if any(name.endswith(".npy") for name in members):
        found = stack.enter_context(npz_tensors(path))
        named = layers.named_layers(found, "{layer}_W", "{layer}_b")
        return _vgg_file(path, "numpy archive", named, tensors.FROSSARD)
    raise not_weights(path, "is a zip file with neither a Keras model nor numpy arrays in it")


def _vgg_file(path: Path, form: str, found: Layers, convention: Convention) -> VGGFile:
    """Check the shapes of the layers found and return them as VGG-16's."""
    missing = [name for name in CONVOLUTIONS if name not in found]
    if len(missing) == len(CONVOLUTIONS):
        raise not_weights(path, "holds another network")
    if missing:
        raise not_weights(path, f"lacks {len(missing)} of its 13 convolutions ({missing[0]}, ...)")
    outputs = layers.convolution_shape(found[CONVOLUTIONS[0]].kernel.shape, convention.layout, 1)
    for backbone, widths in WIDTHS.items():
        if widths.blocks[0] != outputs[-1]:
            continue
        expected = kernel_shapes(widths)
        fitting = {
            name: layer
            for name, layer in found.items()
            if name == CLASSIFIER or _fits(layer, expected[name], convention, name, widths)
        }
        wrong = [name for name in CONVOLUTIONS if name not in fitting]
        if wrong:
            shape = found[wrong[0]].kernel.shape
            raise not_weights(path, f"has a {wrong[0]} of shape {shape}, not {expected[wrong[0]]}")
        # fc7's kernels read fc6's output: without the one the other means nothing.
        if "fc6" not in fitting:
            fitting.pop("fc7", None)
        return VGGFile(path, form, backbone, fitting, convention)
    raise not_weights(path, f"has a conv1_1 of {outputs[-1]} filters instead of 64")


def _fits(
    layer: layers.LayerTensors,
    expected: tuple[int, ...],
    convention: Convention,
    name: str,
    widths: VGGWidths,
) -> bool:
    rows = _dense_rows(name, widths)
    shape = layers.convolution_shape(layer.kernel.shape, convention.layout, rows)
    if math.prod(layer.kernel.shape) != math.prod(expected):
        return False
    return shape == expected and layer.bias.shape == expected[-1:]


def _dense_rows(name: str, widths: VGGWidths) -> int:
    return widths.fc6_kernel if name == "fc6" else 1


def kernel_shapes(widths: VGGWidths) -> dict[str, tuple[int, int, int, int]]:
    """Return the kernel shape `(rows, columns, in, out)` of each layer."""
    shapes: dict[str, tuple[int, int, int, int]] = {}
    inputs = 3
    for name in CONVOLUTIONS:
        outputs = widths.blocks[int(name[5]) - 1]
        shapes[name] = (3, 3, inputs, outputs)
        inputs = outputs
    shapes["fc6"] = (widths.fc6_kernel, widths.fc6_kernel, inputs, widths.fc)
    shapes["fc7"] = (1, 1, widths.fc, widths.fc)
    return shapes
