"""Batches of images, for training in full mode."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.batches.augmentation import Augmentation
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.heads.head import trained_logits
from napari_fcn_crf.fcn.training.loss import make_targets
from napari_fcn_crf.fcn.training.samples import (
    Batch,
    Factors,
    Sample,
    classes_at,
    held_out_of,
    preparation,
)
from napari_fcn_crf.settings import LossReduction

_KEPT_PX = 2**24


class Feed(Protocol):
    """A model that shares the network's layers, and what it is trained on.

    The network itself is never compiled, so that saving it leaves out Adam's moments, twice the
    size of the weights.

    Attributes
    ----------
    trainer : keras.Model
    n_batches : int
    held_out : array of int32, shape `(n_pixels,)`
        Class index of each pixel that is held out.
    """

    trainer: Any
    n_batches: int
    held_out: npt.NDArray[np.int32]

    def batch(self, index: int, step: int) -> Batch:
        """Return one of the `n_batches` batches, as it is shown at a step."""

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""


class FullFeed:
    """Images, whole or what surrounds the strokes, for the whole network.

    Parameters
    ----------
    network : keras.Model
    all_patches : list of Patches
        One batch each.
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    reduction : {"mean", "sum"}
    augmentation : Augmentation, optional
        What is done to an image each time that it is shown.
    """

    def __init__(
        self,
        network: Any,
        all_patches: list[Patches],
        factors: Factors,
        reduction: LossReduction,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.trainer = keras.Model(network.input, trained_logits(network))
        self.n_batches = len(all_patches)
        self.held_out = held_out_of(all_patches)
        self._patches = all_patches
        self._factors, self._reduction = factors, reduction
        self._prepare = preparation(factors, reduction)
        self._kept: dict[int, Sample] = {}
        self._keeps = sum(patches.px for patches in all_patches) <= _KEPT_PX
        self._augmentation = augmentation

    def batch(self, index: int, step: int) -> Batch:
        """Return images with their targets."""
        sample = self._sample(index)
        if self._augmentation is None:
            return sample.batch
        images, indices = self._augmentation(sample.images, sample.indices, step)
        return Sample(images, indices, make_targets(indices, self._factors, self._reduction)).batch

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""
        classes: list[npt.NDArray[np.integer]] = [np.zeros(0, np.intp)]
        for index, patches in enumerate(self._patches):
            if patches.held_out is not None:
                logits = self.trainer.predict_on_batch(self._sample(index).images)
                classes.append(classes_at(np.asarray(logits), patches.held_out))
        return np.concatenate(classes)

    def _sample(self, index: int) -> Sample:
        if index in self._kept:
            return self._kept[index]
        sample = self._prepare(self._patches[index])
        if self._keeps:
            self._kept[index] = sample
        return sample
