"""TorchScript of a whole network, made of its ONNX graph, operator by operator.

Not by Keras on PyTorch, which can only be had in a process that was started with that backend, and
computes sizes as it goes, of which a trace keeps those of one image.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from napari_fcn_crf.fcn.onnx_graph.network_graph import IMAGE, LEAST_SIDE_PX, PROBABILITIES

if TYPE_CHECKING:
    import onnx

Operator = Callable[..., Any]
"""Takes tensors and an operator's attributes, and returns a tensor."""


def write_torch_script(graph: onnx.ModelProto, path: Path) -> None:
    """Write a graph from `onnx_graph` as TorchScript for images of any size.

    Its input and output are those of the graph.
    """
    network = _Network(graph)
    channels = graph.graph.input[0].type.tensor_type.shape.dim[1].dim_value
    example = torch.zeros(1, channels, LEAST_SIDE_PX + 1, LEAST_SIDE_PX + 3)
    with torch.no_grad(), warnings.catch_warnings():
        # PyTorch's newer exports are not read by the programs that this is for.
        warnings.simplefilter("ignore", DeprecationWarning)
        traced = torch.jit.trace(network, example, check_trace=False)
    traced.save(str(path))


class _Network(torch.nn.Module):
    """Runs the nodes of a graph one after the other."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        from onnx import helper, numpy_helper

        super().__init__()
        for constant in graph.graph.initializer:
            values = torch.from_numpy(numpy_helper.to_array(constant).copy())
            self.register_buffer(constant.name, values)
        self._nodes = []
        for node in graph.graph.node:
            given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            inputs = list(node.input)
            if node.op_type == "Resize":
                # A number, as it is no tensor that a trace would follow.
                image, _, scales = inputs
                inputs, given = [image], {"scale_factor": self.get_buffer(scales)[2:].tolist()}
            self._nodes.append((node.op_type, inputs, node.output[0], given))

    def forward(self, image: Any) -> Any:
        """Return the graph's output."""
        tensors = {IMAGE: image} | dict(self.named_buffers())
        for operator, inputs, output, attributes in self._nodes:
            given = [tensors[name] for name in inputs]
            tensors[output] = _OPERATORS[operator](*given, **attributes)
        return tensors[PROBABILITIES]


def _reflected(image: torch.Tensor, margins: torch.Tensor) -> torch.Tensor:
    top, left, bottom, right = int(margins[2]), int(margins[3]), int(margins[6]), int(margins[7])
    return torch.nn.functional.pad(image, [left, right, top, bottom], mode="reflect")


def _between(image: torch.Tensor, start: torch.Tensor, stop: torch.Tensor) -> torch.Tensor:
    return image[:, :, int(start[0]) : int(stop[0]), int(start[1]) : int(stop[1])]


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    # Compiled and not traced: a trace would keep the numbers of the example.
    _reflect, _cut = torch.jit.script(_reflected), torch.jit.script(_between)


def _padded(image: Any, pads: list[int], value: float = 0.0) -> Any:
    top, left, bottom, right = pads
    return functional.pad(image, (left, right, top, bottom), value=value) if any(pads) else image


def _convolution(
    image: Any, kernel: Any, bias: Any = None, *, dilations: list[int], pads: list[int]
) -> Any:
    return functional.conv2d(_padded(image, pads), kernel, bias, dilation=dilations)


def _transposed(image: Any, kernel: Any, *, strides: list[int], pads: list[int]) -> Any:
    top, left, bottom, right = pads
    whole = functional.conv_transpose2d(image, kernel, stride=strides)
    return functional.pad(whole, (-left, -right, -top, -bottom))


def _largest(image: Any, *, kernel_shape: list[int], strides: list[int], pads: list[int]) -> Any:
    padded = _padded(image, pads, float("-inf"))
    return functional.max_pool2d(padded, kernel_shape, strides)


def _mean(image: Any, *, kernel_shape: list[int], strides: list[int], pads: list[int]) -> Any:
    # What lies beyond the image is not counted.
    counted = functional.avg_pool2d(
        _padded(torch.ones_like(image[:1, :1]), pads), kernel_shape, strides
    )
    return functional.avg_pool2d(_padded(image, pads), kernel_shape, strides) / counted


def _enlarged(image: Any, *, scale_factor: list[float]) -> Any:
    return functional.interpolate(image, scale_factor=scale_factor, mode="bilinear")


def _normalised(
    image: Any, gamma: Any, beta: Any, mean: Any, variance: Any, *, epsilon: float
) -> Any:
    return functional.batch_norm(image, mean, variance, gamma, beta, eps=epsilon)


def _slice(tensor: Any, start: Any, stop: Any, axes: Any = None) -> Any:
    # Without axes it is the two sides of an image, among all of them.
    return tensor[2:4] if axes is None else _cut(tensor, start, stop)


_OPERATORS: dict[str, Operator] = {
    "Add": torch.add,
    "AveragePool": _mean,
    "BatchNormalization": _normalised,
    "Clip": torch.clamp,
    "Concat": lambda *parts, axis: torch.cat(parts, axis),
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Div": lambda one, other: torch.div(one, other, rounding_mode="floor"),
    "Identity": lambda tensor: tensor,
    "IsNaN": torch.isnan,
    "MaxPool": _largest,
    "Mod": torch.remainder,
    "Mul": torch.mul,
    "Neg": torch.neg,
    "Pad": lambda image, margins, mode: _reflect(image, margins),
    "Relu": torch.relu,
    "Resize": _enlarged,
    "Shape": torch._shape_as_tensor,
    "Slice": _slice,
    "Softmax": lambda tensor, axis: torch.softmax(tensor, axis),
    "Softsign": functional.softsign,
    "Sub": torch.sub,
    "Sum": lambda *tensors: sum(tensors),
    "Where": torch.where,
}
