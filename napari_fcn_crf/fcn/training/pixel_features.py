"""Features of annotated pixels alone, where every pixel is classified by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.heads.head import PixelSum, head_of
from napari_fcn_crf.fcn.hypercolumns.bilinear_taps import Taps
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list, frozen_boundary
from napari_fcn_crf.fcn.training.loss import make_targets
from napari_fcn_crf.fcn.training.samples import Batch, Factors, Report, held_out_of
from napari_fcn_crf.settings import LossReduction

Masks = npt.NDArray[np.bool_]


class PixelFeed:
    """Features of the annotated pixels, for a head with a `pixel_sum`.

    Parameters
    ----------
    network : keras.Model
        Its backbone is frozen or not.
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
        features = PixelFeatures(network)
        self.trainer = features.model()
        self.n_batches = len(all_patches)
        self.held_out = held_out_of(all_patches)
        self._batches: list[Batch] = []
        self._held_out: list[list[Any]] = []
        done, total = 0, sum(map(len, all_patches))
        for patches in all_patches:
            annotated = patches.indices != IGNORE
            wanted = [annotated]
            if patches.held_out is not None and (patches.held_out != IGNORE).any():
                wanted.append(patches.held_out != IGNORE)

            def of_all(within: int, _: int, before: int = done) -> None:
                report(before + within, total)

            inputs, *others = features.at(patches, wanted, of_all)
            targets = make_targets(patches.indices, factors, reduction)
            classes, weights = (
                keras.ops.convert_to_tensor(values[annotated][np.newaxis, :, np.newaxis])
                for values in (targets.classes, targets.weights)
            )
            self._batches.append((inputs, classes, weights))
            self._held_out += others
            done += len(patches)

    def batch(self, index: int, step: int) -> Batch:
        """Return the features of an image's annotated pixels with their targets."""
        return self._batches[index]

    def predict_held_out(self) -> npt.NDArray[np.integer]:
        """Return the most probable class of each pixel that is held out."""
        logits = [self.trainer.predict_on_batch(inputs) for inputs in self._held_out]
        classes = [values[0, :, 0].argmax(axis=-1) for values in logits]
        return np.concatenate([np.zeros(0, np.intp), *classes])


def bytes_per_pixel(network: Any) -> int | None:
    """Return what the features of one pixel take; None if none is classified by itself."""
    if not has_pixel_features(network):
        return None
    return 4 * sum(int(tensor.shape[-1]) for tensor in PixelFeatures(network).frozen)


def has_pixel_features(network: Any) -> bool:
    """Return whether a network classifies each pixel by itself."""
    return _pixel_sum(network) is not None


def _pixel_sum(network: Any) -> PixelSum | None:
    head = head_of(network)
    return None if head.pixel_sum is None else head.pixel_sum(network)


class PixelFeatures:
    """Features of these pixels of this picture: all that a network needs to classify them alone.

    `at` computes them, once, and `model` is what classifies them, with the network's own layers;
    what is trained of these may change in between.

    Parameters
    ----------
    network : keras.Model
        Whose head has a `pixel_sum`.

    Attributes
    ----------
    frozen : list of tensor
        What is upsampled at each pixel, of the levels that training does not change.
    grids : list of tensor
        What other levels are made from, on grids of their own.

    Notes
    -----
    A projection `P` is a 1x1 convolution and bilinear upsampling `U` mixes pixels, so that
    `U P f = P U f`: what is frozen is upsampled once, and only where it is needed. What is trained
    before its projection (fc7, or everything in full mode) is computed whole in each step, and then
    upsampled where it is needed.
    """

    def __init__(self, network: Any) -> None:
        pixel_sum = _pixel_sum(network)
        assert pixel_sum is not None
        boundary = frozen_boundary(network)
        known = {id(tensor) for tensor in boundary}
        self._levels = [
            (projection, stride, id(projection.input) in known)
            for projection, stride in pixel_sum.levels
        ]
        self._add, *self._behind = pixel_sum.layers
        self.frozen = [level.input for level, _, is_frozen in self._levels if is_frozen]
        direct = {id(tensor) for tensor in self.frozen}
        self.grids = [tensor for tensor in boundary if id(tensor) not in direct]
        self._extractor = keras.Model(network.input, self.frozen + self.grids)
        self._extractor.jit_compile = False

    def model(self) -> Any:
        """Return a model that gives the logits `(1, n_pixels, 1, classes)` of what `at` returns."""
        inputs = [keras.Input(batch_shape=(1, None, 1, tensor.shape[-1])) for tensor in self.frozen]
        grids = [keras.Input(shape=tensor.shape[1:]) for tensor in self.grids]
        trained = [level.output for level, _, is_frozen in self._levels if not is_frozen]
        remaining = iter(inputs)
        # All at once, for they share layers.
        coarse = iter(as_list(keras.Model(self.grids, trained)(grids)) if trained else [])
        taps: list[Any] = []
        projected = []
        for projection, _, is_frozen in self._levels:
            if is_frozen:
                projected.append(projection(next(remaining)))
                continue
            grid = next(coarse)
            places = keras.Input(batch_shape=(None, 4), dtype="int32")
            shares = keras.Input(batch_shape=(None, 4))
            taps += [places, shares]
            flat = keras.ops.reshape(grid, (-1, grid.shape[-1]))
            mixed = keras.ops.take(flat, places, axis=0) * shares[..., None]
            projected.append(keras.ops.sum(mixed, axis=1)[None, :, None])
        logits = self._add(projected)
        for layer in self._behind:
            logits = layer(logits)
        return keras.Model(inputs + grids + taps, logits)

    def at(self, patches: Patches, wanted: Sequence[Masks], report: Report) -> list[list[Any]]:
        """Return what the model is given for some pixels of patches.

        Parameters
        ----------
        patches : Patches
        wanted : sequence of array of bool, each `(n_patches, rows, columns)`
            Several choices of pixels.
        report : callable
            Called before each patch.

        Returns
        -------
        list of list of tensor
            For each choice; its pixels are in the order of `choice.nonzero()`.
        """
        parts: list[list[list[npt.NDArray[Any]]]] = [[] for _ in wanted]
        grids = []
        for patch in range(len(patches)):
            report(patch, len(patches))
            features = [
                np.asarray(keras.ops.convert_to_numpy(feature))
                for feature in as_list(
                    self._extractor.predict_on_batch(patches.pixels(patch)[np.newaxis])
                )
            ]
            frozen = [feature[0] for feature in features[: len(self.frozen)]]
            grids.append(features[len(self.frozen) :])
            for choice, found in zip(wanted, parts, strict=True):
                found.append(self._of_patch(frozen, choice[patch], patch))
        stacked = [np.concatenate(grid) for grid in zip(*grids, strict=True)]
        answers = []
        for found in parts:
            joined = [np.concatenate(values) for values in zip(*found, strict=True)]
            pixels = [values[np.newaxis, :, np.newaxis] for values in joined[: len(self.frozen)]]
            values = (*pixels, *stacked, *joined[len(self.frozen) :])
            # As tensors, so that they are on the device and no step copies them there.
            answers.append([keras.ops.convert_to_tensor(value) for value in values])
        return answers

    def _of_patch(
        self, frozen: list[npt.NDArray[np.float32]], where: Masks, patch: int
    ) -> list[npt.NDArray[Any]]:
        """Return the frozen features of one patch's pixels, and the taps of the other levels."""
        rows, columns = np.nonzero(where)
        remaining = iter(frozen)
        values: list[npt.NDArray[Any]] = []
        taps: list[npt.NDArray[Any]] = []
        for _, stride, is_frozen in self._levels:
            shape = where.shape[0] // stride, where.shape[1] // stride
            at = Taps.at(rows, columns, shape, stride)
            if is_frozen:
                values.append(at.apply(next(remaining)))
            else:
                first = np.int32(patch * shape[0] * shape[1])
                taps += [at.places + first, at.shares]
        return values + taps
