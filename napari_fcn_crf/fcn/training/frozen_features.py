"""Features of the frozen backbone for training in quick mode, computed once and kept in memory."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.augmentation import Augmentation
from napari_fcn_crf.fcn.batches.example import Example, views
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.heads.head import trained_logits
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list, freeze_backbone, frozen_boundary
from napari_fcn_crf.fcn.training.loss import make_targets
from napari_fcn_crf.fcn.training.pixel_features import (
    PixelFeed,
    bytes_per_pixel,
    has_pixel_features,
)
from napari_fcn_crf.fcn.training.quick_or_full import resolve_mode
from napari_fcn_crf.fcn.training.samples import (
    Batch,
    Factors,
    Report,
    classes_at,
    held_out_of,
)
from napari_fcn_crf.fcn.training.surroundings import surroundings
from napari_fcn_crf.fcn.training.whole_images import Feed, FullFeed
from napari_fcn_crf.settings import LossReduction, TrainingSettings

CACHE_LIMIT_BYTES = 2**30
"""Features that take more memory than this are not kept."""

STEP_PX = 2**18
"""Pixels of patches that one step computes at every pixel, unless a single patch has more."""

PIXELS_STEP_PX = 2**20
"""The same, of a step that computes the finest layers at annotated pixels alone."""

_FEW = 0.05


class QuickFeed:
    """Features of images, for what is on top of the backbone.

    Parameters
    ----------
    network : keras.Model
        With a frozen backbone.
    all_patches : list of Patches
        One batch each.
    factors : array of float64, shape `(n_classes,)`
        How much a pixel of each class counts.
    reduction : {"mean", "sum"}
    report : callable
        Called before each patch.
    """

    def __init__(
        self,
        network: Any,
        all_patches: list[Patches],
        factors: Factors,
        reduction: LossReduction,
        report: Report,
    ) -> None:
        boundary = frozen_boundary(network)
        self.trainer = keras.Model(boundary, trained_logits(network))
        self.n_batches = len(all_patches)
        self.held_out = held_out_of(all_patches)
        extractor = keras.Model(network.input, boundary)
        extractor.jit_compile = False
        self._batches: list[Batch] = []
        self._held_out = [patches.held_out for patches in all_patches]
        done, total = 0, sum(map(len, all_patches))
        for patches in all_patches:
            found = []
            for patch in range(len(patches)):
                report(done, total)
                found.append(as_list(extractor.predict_on_batch(patches.pixels(patch)[np.newaxis])))
                done += 1
            targets = make_targets(patches.indices, factors, reduction)
            # As tensors, so that they are on the device and no step copies them there.
            self._batches.append(
                (
                    [
                        keras.ops.convert_to_tensor(np.concatenate(features))
                        for features in zip(*found, strict=True)
                    ],
                    keras.ops.convert_to_tensor(targets.classes),
                    keras.ops.convert_to_tensor(targets.weights),
                )
            )

    def batch(self, index: int, step: int) -> Batch:
        """Return an image's features with its targets."""
        return self._batches[index]

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""
        classes: list[npt.NDArray[np.integer]] = [np.zeros(0, np.intp)]
        for held_out, (features, _, _) in zip(self._held_out, self._batches, strict=True):
            if held_out is not None:
                logits = self.trainer.predict_on_batch(features)
                classes.append(classes_at(np.asarray(logits), held_out))
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
    note, given = "", (factors, settings.loss_reduction)
    if resolve_mode(settings) == "quick":
        freeze_backbone(network, True)
        seen = [view for example in examples for view in views(example)]
        around = surroundings(network, seen if settings.augment else examples)
        dense, pixels = _dense_bytes(network, around), _pixel_bytes(network, around)
        if min(dense, pixels) <= CACHE_LIMIT_BYTES:
            if pixels < dense:
                return PixelFeed(network, around, *given, report), "quick", ""
            return QuickFeed(network, _grouped(around, STEP_PX), *given, report), "quick", ""
        note = (
            f"The features of {len(around)} images take {min(dense, pixels) / 2**30:.1f} GB, more "
            f"than the {CACHE_LIMIT_BYTES / 2**30:.0f} GB that are kept; they were computed anew "
            "at each step."
        )
    # What was asked for was quick: the backbone still stays as it is.
    freeze_backbone(network, bool(note))
    around = surroundings(network, examples)
    if not settings.augment and _are_few(around) and has_pixel_features(network):
        return PixelFeed(network, _grouped(around, PIXELS_STEP_PX), *given, report), "full", note
    augmentation = Augmentation(settings.seed) if settings.augment else None
    return FullFeed(network, _grouped(around, STEP_PX), *given, augmentation), "full", note


def _grouped(all_patches: list[Patches], most_px: int) -> list[Patches]:
    return [group for patches in all_patches for group in patches.groups(most_px)]


def _are_few(all_patches: list[Patches]) -> bool:
    """Whether images are large, and few of the pixels in their patches are annotated."""
    annotated = sum(int((patches.indices != IGNORE).sum()) for patches in all_patches)
    is_small = all(patches.is_whole for patches in all_patches)
    return not is_small and annotated < _FEW * sum(patches.px for patches in all_patches)


def _dense_bytes(network: Any, all_patches: list[Patches]) -> int:
    boundary = keras.Model(network.input, frozen_boundary(network))
    total = 0
    for patches in all_patches:
        channels = patches.image.shape[2]
        shapes = boundary.compute_output_shape((len(patches), *patches.size, channels))
        for shape in shapes if isinstance(shapes, list) else [shapes]:
            total += 4 * int(np.prod(shape, dtype=np.int64))
    return total


def _pixel_bytes(network: Any, all_patches: list[Patches]) -> float:
    each = bytes_per_pixel(network)
    annotated = sum(
        int((indices != IGNORE).sum())
        for patches in all_patches
        for indices in (patches.indices, patches.held_out)
        if indices is not None
    )
    return np.inf if each is None else annotated * each
