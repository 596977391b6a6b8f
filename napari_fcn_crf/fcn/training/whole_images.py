"""Batches of whole images, for training in full mode."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.batches.augmentation import Augmentation
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.heads.head import trained_logits
from napari_fcn_crf.fcn.training.samples import Batch, Prepare, classes_at


class Feed(Protocol):
    """A model that shares the network's layers, and what it is trained on.

    The network itself is never compiled, so that saving it leaves out Adam's moments, twice the
    size of the weights.
    """

    trainer: Any
    n_batches: int

    def batch(self, index: int, step: int) -> Batch:
        """Return one of the `n_batches` batches, as it is shown at a step."""

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""


class FullFeed:
    """Whole images, for the whole network.

    Parameters
    ----------
    network : keras.Model
    examples : list of Example
    prepare : callable
        From `preparation`.
    augmentation : Augmentation, optional
        What is done to an image each time that it is shown.
    """

    def __init__(
        self,
        network: Any,
        examples: list[Example],
        prepare: Prepare,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.trainer = keras.Model(network.input, trained_logits(network))
        self.n_batches = len(examples)
        self._samples = [prepare(example) for example in examples]
        self._prepare = prepare
        self._augmentation = augmentation

    def batch(self, index: int, step: int) -> Batch:
        """Return an image with its targets."""
        sample = self._samples[index]
        if self._augmentation is not None:
            changed = self._augmentation(sample.image, sample.indices, step)
            sample = self._prepare(Example(*changed))
        return sample.batch

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""
        classes: list[npt.NDArray[np.integer]] = [np.zeros(0, np.intp)]
        for sample in self._samples:
            if sample.held_out is not None:
                logits = self.trainer.predict_on_batch(sample.image[np.newaxis])[0]
                classes.append(classes_at(logits, sample.held_out))
        return np.concatenate(classes)
