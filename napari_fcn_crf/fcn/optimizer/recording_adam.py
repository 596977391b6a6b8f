"""Adam that records the gradients of its last step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.optimizer.fused_adam import FusedAdam

SUFFIX = "_gradient"
"""End of the names of the variables that keep them."""


class AdamWithGradients(FusedAdam):
    """Adam that keeps the gradients of its last step in variables of its own.

    They are part of the compiled step, on any backend, and take as much memory as what is trained.
    """

    def build(self, variables: Sequence[Any]) -> None:
        """Make the variables for Adam's moments and for the gradients."""
        super().build(variables)
        self._names = [variable.path for variable in variables]
        self._kept = [
            self.add_variable_from_reference(variable, SUFFIX.removeprefix("_"))
            for variable in variables
        ]

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Take a step."""
        for kept, gradient in zip(self._kept, grads, strict=True):
            kept.assign(gradient)
        super().apply(grads, trainable_variables)

    def gradients(self) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        """Iterate over the trained variables' names, "fc8/kernel", and their gradients."""
        for name, kept in zip(self._names, self._kept, strict=True):
            yield name, np.asarray(keras.ops.convert_to_numpy(kept))
