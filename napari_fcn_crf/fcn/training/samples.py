"""Samples: patches of annotated planes with the targets of the loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.training.loss import Targets, make_targets
from napari_fcn_crf.settings import LossReduction

Batch = tuple[Any, Any, Any]
"""Inputs, class indices and weights of one step."""

Factors = npt.NDArray[np.float64]

Report = Callable[[int, int], None]
"""Takes the patches that are done and those in all; may raise to end it."""


@dataclass(frozen=True)
class Sample:
    """Some patches as a network takes them; rows and columns are multiples of 32.

    Parameters
    ----------
    images : array of float32, shape `(n_patches, rows, columns, channels)`
    indices : array of int32, shape `(n_patches, rows, columns)`
        Class index of each pixel, or `IGNORE`.
    targets : Targets
    """

    images: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int32]
    targets: Targets

    @property
    def batch(self) -> Batch:
        """The images with their targets."""
        return self.images, self.targets.classes, self.targets.weights


Prepare = Callable[[Patches], Sample]


def preparation(factors: Factors, reduction: LossReduction) -> Prepare:
    """Return what makes a sample of patches.

    Parameters
    ----------
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    reduction : {"mean", "sum"}
    """

    def prepare(patches: Patches) -> Sample:
        images = np.stack([patches.pixels(patch) for patch in range(len(patches))])
        return Sample(images, patches.indices, make_targets(patches.indices, factors, reduction))

    return prepare


def held_out_of(all_patches: list[Patches]) -> npt.NDArray[np.int32]:
    """Return the class index of each pixel that is held out, one patch after the other."""
    parts = [
        patches.held_out[patches.held_out != IGNORE]
        for patches in all_patches
        if patches.held_out is not None
    ]
    return np.concatenate([np.zeros(0, np.int32), *parts])


def classes_at(
    logits: npt.NDArray[np.floating], held_out: npt.NDArray[np.int32]
) -> npt.NDArray[np.integer]:
    """Return the most probable class where `held_out` has one, row after row."""
    classes: npt.NDArray[np.integer] = logits[held_out != IGNORE].argmax(axis=-1)
    return classes
