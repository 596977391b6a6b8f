"""What each step of training is given, in full mode: whole images."""

from __future__ import annotations

from typing import Any, Protocol

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.augmentation import Augmentation
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.heads.head import trained_logits
from napari_fcn_crf.fcn.layers.padding import crop, pad_constant, pad_image
from napari_fcn_crf.fcn.training.loss import make_targets
from napari_fcn_crf.settings import TrainingSettings

Batch = tuple[Any, Any, Any]
"""Inputs, class indices and weights of one step."""

Factors = npt.NDArray[np.float64]


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
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    settings : TrainingSettings
    """

    def __init__(
        self, network: Any, examples: list[Example], factors: Factors, settings: TrainingSettings
    ) -> None:
        self.trainer = keras.Model(network.input, trained_logits(network))
        self.n_batches = len(examples)
        self._examples = examples
        self._factors = factors
        self._settings = settings
        self._batches = whole_batches(examples, factors, settings)
        self._augmentation = Augmentation(settings.seed) if settings.augment else None

    def batch(self, index: int, step: int) -> Batch:
        """Return an image with its targets."""
        if self._augmentation is None:
            return self._batches[index]
        indices = pad_constant(self._examples[index].indices, IGNORE)
        image = self._batches[index][0][0]
        changed = Example(*self._augmentation(image, indices, step))
        return whole_batches([changed], self._factors, self._settings)[0]

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""
        classes: list[npt.NDArray[np.integer]] = [np.zeros(0, np.intp)]
        for example, (image, _, _) in zip(self._examples, self._batches, strict=True):
            if example.held_out is not None:
                logits = self.trainer.predict_on_batch(image)[0]
                classes.append(classes_at(logits, example.held_out))
        return np.concatenate(classes)


def whole_batches(
    examples: list[Example], factors: Factors, settings: TrainingSettings
) -> list[Batch]:
    """Return padded images with their targets."""
    batches = []
    for example in examples:
        indices = pad_constant(example.indices, IGNORE)
        targets = make_targets(indices, factors, settings.loss_reduction)
        image = pad_image(example.image)
        batches.append(
            (image[np.newaxis], targets.classes[np.newaxis], targets.weights[np.newaxis])
        )
    return batches


def classes_at(
    padded_logits: npt.NDArray[np.floating], held_out: npt.NDArray[np.int32]
) -> npt.NDArray[np.integer]:
    """Return the most probable class where `held_out` has one."""
    logits = crop(padded_logits, (held_out.shape[0], held_out.shape[1]))
    classes: npt.NDArray[np.integer] = logits[held_out != IGNORE].argmax(axis=-1)
    return classes
