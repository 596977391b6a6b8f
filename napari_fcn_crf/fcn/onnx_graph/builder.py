"""Nodes and constants of an ONNX graph, collected one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

OPSET = 17
"""Of 2022: what runs in browsers, in Java and on older systems has it."""

_IR_VERSION = 8
"""The file format that came with this set of operators."""


class GraphBuilder:
    """Collects what an ONNX graph consists of."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add an operator with one output, and return the name of that."""
        from onnx import helper

        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """Add an array, once for each name, and return the name."""
        from onnx import numpy_helper

        if name not in self._constants:
            array = np.ascontiguousarray(value)
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def model(
        self, name: str, inputs: dict[str, list[Any]], output: tuple[str, str, list[Any]]
    ) -> onnx.ModelProto:
        """Return the graph as a model of float32.

        Parameters
        ----------
        name : str
        inputs : dict
            Shapes by name; the length of an axis that may vary is a name, too.
        output : tuple of str, str, list
            Name of the tensor, what it is called outside, and its shape.
        """
        from onnx import TensorProto, helper

        tensor, outside, shape = output
        nodes = [*self._nodes, helper.make_node("Identity", [tensor], [outside], name=outside)]
        graph = helper.make_graph(
            nodes,
            name,
            [
                helper.make_tensor_value_info(key, TensorProto.FLOAT, sides)
                for key, sides in inputs.items()
            ],
            [helper.make_tensor_value_info(outside, TensorProto.FLOAT, shape)],
            list(self._constants.values()),
        )
        return helper.make_model(
            graph,
            producer_name="napari-fcn-crf",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
        )
