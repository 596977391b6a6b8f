"""Features of the frozen backbone for training in quick mode, computed once and kept in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.augmentation import Augmentation
from napari_fcn_crf.fcn.batches.example import Example, views
from napari_fcn_crf.fcn.heads.head import trained_logits
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list, freeze_backbone, frozen_boundary
from napari_fcn_crf.fcn.layers.padding import STRIDE_PX
from napari_fcn_crf.fcn.training.pixel_features import PixelFeed, bytes_per_pixel
from napari_fcn_crf.fcn.training.quick_or_full import resolve_mode
from napari_fcn_crf.fcn.training.samples import Batch, Factors, Prepare, classes_at, preparation
from napari_fcn_crf.fcn.training.whole_images import Feed, FullFeed
from napari_fcn_crf.settings import TrainingSettings

CACHE_LIMIT_BYTES = 2**30
"""Features that take more memory than this are not kept."""

Report = Callable[[int, int], None]
"""Takes the images that are done and those in all; may raise to end it."""


class QuickFeed:
    """Features of whole images, for what is on top of the backbone.

    Parameters
    ----------
    network : keras.Model
        With a frozen backbone.
    examples : list of Example
    prepare : callable
        From `preparation`.
    report : callable
        Called before each image.
    """

    def __init__(
        self, network: Any, examples: list[Example], prepare: Prepare, report: Report
    ) -> None:
        boundary = frozen_boundary(network)
        self.trainer = keras.Model(boundary, trained_logits(network))
        self.n_batches = len(examples)
        extractor = keras.Model(network.input, boundary)
        extractor.jit_compile = False
        self._batches: list[Batch] = []
        self._held_out: list[npt.NDArray[np.int32] | None] = []
        for done, example in enumerate(examples):
            report(done, len(examples))
            sample = prepare(example)
            image, classes, weights = sample.batch
            features = as_list(extractor.predict_on_batch(image))
            # As tensors, so that they are on the device and no step copies them there.
            self._batches.append(
                (
                    [keras.ops.convert_to_tensor(feature) for feature in features],
                    keras.ops.convert_to_tensor(classes),
                    keras.ops.convert_to_tensor(weights),
                )
            )
            self._held_out.append(sample.held_out)

    def batch(self, index: int, step: int) -> Batch:
        """Return an image's features with its targets."""
        return self._batches[index]

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""
        classes: list[npt.NDArray[np.integer]] = [np.zeros(0, np.intp)]
        for held_out, (features, _, _) in zip(self._held_out, self._batches, strict=True):
            if held_out is not None:
                logits = self.trainer.predict_on_batch(features)[0]
                classes.append(classes_at(logits, held_out))
        return np.concatenate(classes)


def make_feed(
    network: Any,
    examples: list[Example],
    factors: Factors,
    settings: TrainingSettings,
    report: Report,
) -> tuple[Feed, str, str]:
    """Return what the settings' mode trains on.

    Returns
    -------
    feed : Feed
    mode : str
        "quick" or "full".
    note : str
        A sentence, where it is not the mode that was asked for; else empty.
    """
    note, prepare = "", preparation(factors, settings.loss_reduction)
    if resolve_mode(settings) == "quick":
        freeze_backbone(network, True)
        seen = [view for example in examples for view in views(example)]
        seen = seen if settings.augment else examples
        whole, pixels = _dense_bytes(network, seen), _pixel_bytes(network, seen)
        if min(whole, pixels) <= CACHE_LIMIT_BYTES:
            kind = PixelFeed if pixels < whole else QuickFeed
            return kind(network, seen, prepare, report), "quick", ""
        note = (
            f"The features of {len(seen)} images take {min(whole, pixels) / 2**30:.1f} GB, more "
            f"than the {CACHE_LIMIT_BYTES / 2**30:.0f} GB that are kept; they were computed anew "
            "at each step."
        )
    # What was asked for was quick: the backbone still stays as it is.
    freeze_backbone(network, bool(note))
    augmentation = Augmentation(settings.seed) if settings.augment else None
    return FullFeed(network, examples, prepare, augmentation), "full", note


def _dense_bytes(network: Any, examples: list[Example]) -> int:
    boundary = keras.Model(network.input, frozen_boundary(network))
    total = 0
    for example in examples:
        rows, columns = (-(-side // STRIDE_PX) * STRIDE_PX for side in example.image.shape[:2])
        shapes = boundary.compute_output_shape((1, rows, columns, example.image.shape[2]))
        for shape in shapes if isinstance(shapes, list) else [shapes]:
            total += 4 * int(np.prod(shape, dtype=np.int64))
    return total


def _pixel_bytes(network: Any, examples: list[Example]) -> float:
    each = bytes_per_pixel(network)
    annotated = sum(
        int((indices != IGNORE).sum())
        for example in examples
        for indices in (example.indices, example.held_out)
        if indices is not None
    )
    return np.inf if each is None else annotated * each
