"""VGG-16 in a file, in whatever dialect: recognised, described, read layer by layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import ZIP_ERRORS
from napari_fcn_crf.backbones import BACKBONES, CONVOLUTIONS, FULLY_CONNECTED, VGGWidths
from napari_fcn_crf.settings import Backbone
from napari_fcn_crf.weights import recognise
from napari_fcn_crf.weights.formats import checkpoint, vgg_layers
from napari_fcn_crf.weights.formats.tensors import Convention, WeightsError, not_weights
from napari_fcn_crf.weights.formats.vgg_layers import CLASSIFIER, Layers
from napari_fcn_crf.weights.recognise import Found

_READ_ERRORS = (
    *ZIP_ERRORS,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    # h5py's, where a name in the file is no text.
    SystemError,
)
"""What a damaged or hostile file may make a reader of its format raise."""


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
        title = BACKBONES[self.backbone].title
        fully_connected = [name for name in FULLY_CONNECTED if name in self.layers]
        found = " + ".join(filter(None, ["13 conv", ", ".join(fully_connected)]))
        left_out = f"; {CLASSIFIER} left out" if CLASSIFIER in self.layers else ""
        order, means = self.convention.order, self.convention.means
        shown = means if order == "RGB" else means[::-1]
        text = f"{title}, {self.form}, {found}{left_out}; {order}, means {_triple(shown)}"
        if self.convention.deviations == (1, 1, 1):
            return text
        return f"{text}, deviations {_triple(self.convention.deviations)}"

    def read(self, name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return a layer's kernel `(rows, columns, in, out)`, for 0-255 RGB, and its bias.

        Raises
        ------
        ValueError
            If the file is damaged there.
        """
        layer = self.layers[name]
        widths = BACKBONES[self.backbone].widths
        try:
            kernel, bias = layer.kernel.read(), layer.bias.read()
        except _READ_ERRORS as error:
            raise not_weights(self.path, f"is damaged at {name}") from error
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise not_weights(self.path, f"has values that are not finite in {name}")
        kernel = vgg_layers.as_convolution(
            kernel, self.convention.layout, _dense_rows(name, widths)
        )
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
    with ExitStack() as stack:
        try:
            file = _vgg_file(path, recognise.recognise(path, stack))
        except WeightsError:
            raise
        except _READ_ERRORS as error:
            raise not_weights(path, "cannot be read; it may be truncated") from error
        yield file


def files_of(path: str | Path) -> list[Path]:
    """Return the files that make up a weights file: a checkpoint may be several."""
    return checkpoint.weight_files(path)


def describe_weights(path: str | Path) -> str:
    """Return what a weights file holds as one line, without building a network.

    Raises
    ------
    ValueError
        If it does not hold VGG-16; the message says what was found instead.
    """
    with open_weights(path) as file:
        return file.describe()


def needs_tensorflow(path: str | Path) -> bool:
    """Return whether a weights file can only be read where TensorFlow is.

    Raises
    ------
    ValueError
        If it is of no known kind; the message says what was found instead.
    """
    path = Path(path)
    try:
        return recognise.needs_tensorflow(path)
    except WeightsError:
        raise
    except _READ_ERRORS as error:
        raise not_weights(path, "cannot be read; it may be truncated") from error


def _vgg_file(path: Path, recognised: Found) -> VGGFile:
    """Check the shapes of the layers found and return them as VGG-16's."""
    form, found, convention = recognised.form, recognised.layers, recognised.convention
    missing = [name for name in CONVOLUTIONS if name not in found]
    if len(missing) == len(CONVOLUTIONS):
        raise not_weights(path, "holds another network")
    if missing:
        raise not_weights(path, f"lacks {len(missing)} of its 13 convolutions ({missing[0]}, ...)")
    outputs = vgg_layers.convolution_shape(
        found[CONVOLUTIONS[0]].kernel.shape, convention.layout, 1
    )
    for backbone, variant in BACKBONES.items():
        widths = variant.widths
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


def _triple(numbers: tuple[float, ...]) -> str:
    return "/".join(f"{round(number, 2):g}" for number in numbers)


def _fits(
    layer: vgg_layers.LayerTensors,
    expected: tuple[int, ...],
    convention: Convention,
    name: str,
    widths: VGGWidths,
) -> bool:
    rows = _dense_rows(name, widths)
    shape = vgg_layers.convolution_shape(layer.kernel.shape, convention.layout, rows)
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
