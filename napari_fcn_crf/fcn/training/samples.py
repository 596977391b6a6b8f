"""Samples: annotated planes padded to the network's stride, with the targets of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.layers.padding import pad_constant, pad_image
from napari_fcn_crf.fcn.training.loss import Targets, make_targets
from napari_fcn_crf.settings import LossReduction

Batch = tuple[Any, Any, Any]
"""Inputs, class indices and weights of one step."""

Factors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """One annotated plane as a network takes it; rows and columns are multiples of 32.

    Parameters
    ----------
    image : array of float32, shape `(rows, columns, channels)`
    indices : array of int32, shape `(rows, columns)`
        Class index of each pixel, or `IGNORE`.
    targets : Targets
    held_out : array of int32, shape `(rows, columns)`, optional
        Class index of each pixel that nothing is learnt from, or `IGNORE`.
    """

    image: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int32]
    targets: Targets
    held_out: npt.NDArray[np.int32] | None

    @property
    def batch(self) -> Batch:
        """The whole image with its targets."""
        classes, weights = self.targets.classes, self.targets.weights
        return self.image[np.newaxis], classes[np.newaxis], weights[np.newaxis]


Prepare = Callable[[Example], Sample]


def preparation(factors: Factors, reduction: LossReduction) -> Prepare:
    """Return what makes a sample of an example.

    Parameters
    ----------
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    reduction : {"mean", "sum"}
    """

    def prepare(example: Example) -> Sample:
        indices = pad_constant(example.indices, IGNORE)
        held_out = example.held_out
        return Sample(
            pad_image(example.image),
            indices,
            make_targets(indices, factors, reduction),
            None if held_out is None else pad_constant(held_out, IGNORE),
        )

    return prepare


def classes_at(
    logits: npt.NDArray[np.floating], held_out: npt.NDArray[np.int32]
) -> npt.NDArray[np.integer]:
    """Return the most probable class where `held_out` has one, row after row."""
    classes: npt.NDArray[np.integer] = logits[held_out != IGNORE].argmax(axis=-1)
    return classes
