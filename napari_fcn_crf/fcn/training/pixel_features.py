"""Features of annotated pixels alone, for quick mode where every pixel is classified by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.heads.head import PixelSum, head_of
from napari_fcn_crf.fcn.hypercolumns.bilinear_taps import Taps
from napari_fcn_crf.fcn.layers.frozen_boundary import as_list, frozen_boundary
from napari_fcn_crf.fcn.training.samples import Batch, Prepare


class PixelFeed:
    """Features of the annotated pixels, for a head with a `pixel_sum`.

    Parameters and methods are those of `QuickFeed`.

    Notes
    -----
    A projection `P` is a 1x1 convolution and bilinear upsampling `U` mixes pixels, so that
    `U P f = P U f`: what is frozen is upsampled once, and only where it is needed. What is trained
    before its projection (fc7) is small; it is computed whole in each step, and then upsampled
    where it is needed.
    """

    def __init__(
        self,
        network: Any,
        examples: list[Example],
        prepare: Prepare,
        report: Callable[[int, int], None],
    ) -> None:
        levels = _pixel_sum(network)
        assert levels is not None
        head = _Levels(network, levels)
        self.trainer = keras.Model(*head.at_pixels())
        self.n_batches = len(examples)
        extractor = keras.Model(network.input, head.frozen + head.coarse_inputs)
        extractor.jit_compile = False
        self._batches: list[Batch] = []
        self._held_out: list[list[Any]] = []
        for done, example in enumerate(examples):
            report(done, len(examples))
            sample = prepare(example)
            features = [
                np.asarray(keras.ops.convert_to_numpy(feature))
                for feature in as_list(extractor.predict_on_batch(sample.image[np.newaxis]))
            ]
            annotated = sample.indices != IGNORE
            inputs = head.inputs_at(features, annotated)
            classes, weights = (
                keras.ops.convert_to_tensor(values[annotated][np.newaxis, :, np.newaxis])
                for values in (sample.targets.classes, sample.targets.weights)
            )
            self._batches.append((inputs, classes, weights))
            if sample.held_out is not None:
                held_out = sample.held_out != IGNORE
                if held_out.any():
                    self._held_out.append(head.inputs_at(features, held_out))

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
    levels = _pixel_sum(network)
    if levels is None:
        return None
    return 4 * sum(int(tensor.shape[-1]) for tensor in _Levels(network, levels).frozen)


def _pixel_sum(network: Any) -> PixelSum | None:
    head = head_of(network)
    return None if head.pixel_sum is None else head.pixel_sum(network)


class _Levels:
    """The levels that a head adds up: those that are frozen, and those that are trained."""

    def __init__(self, network: Any, pixel_sum: PixelSum) -> None:
        boundary = frozen_boundary(network)
        known = {id(tensor) for tensor in boundary}
        self.levels: list[tuple[Any, int, bool]] = []
        self.frozen: list[Any] = []
        for projection, stride in pixel_sum.levels:
            is_frozen = id(projection.input) in known
            self.levels.append((projection, stride, is_frozen))
            if is_frozen:
                self.frozen.append(projection.input)
        self._add, *self._behind = pixel_sum.layers
        direct = {id(tensor) for tensor in self.frozen}
        self.coarse_inputs = [tensor for tensor in boundary if id(tensor) not in direct]

    def at_pixels(self) -> tuple[list[Any], Any]:
        """Return inputs and output of a model that gives the logits `(1, n_pixels, 1, classes)`."""
        inputs = [keras.Input(batch_shape=(1, None, 1, tensor.shape[-1])) for tensor in self.frozen]
        coarse_inputs = [
            keras.Input(batch_shape=(1, *tensor.shape[1:])) for tensor in self.coarse_inputs
        ]
        remaining = iter(inputs)
        taps: list[Any] = []
        projected = []
        for projection, _, is_frozen in self.levels:
            if is_frozen:
                projected.append(projection(next(remaining)))
                continue
            coarse = keras.Model(self.coarse_inputs, projection.output)(coarse_inputs)
            places = keras.Input(batch_shape=(None, 4), dtype="int32")
            shares = keras.Input(batch_shape=(None, 4))
            taps += [places, shares]
            flat = keras.ops.reshape(coarse, (-1, coarse.shape[-1]))
            mixed = keras.ops.take(flat, places, axis=0) * shares[..., None]
            projected.append(keras.ops.sum(mixed, axis=1)[None, :, None])
        logits = self._add(projected)
        for layer in self._behind:
            logits = layer(logits)
        return inputs + coarse_inputs + taps, logits

    def inputs_at(self, features: list[Any], where: npt.NDArray[np.bool_]) -> list[Any]:
        """Return what that model is given for the chosen pixels of an image.

        Parameters
        ----------
        features : list of array, each `(1, rows, columns, channels)`
            Of `frozen` and `coarse_inputs`.
        where : array of bool, shape `(rows, columns)`
            Of the padded image.
        """
        rows, columns = np.nonzero(where)
        remaining = iter(features)
        values: list[Any] = []
        taps: list[Any] = []
        for _, stride, is_frozen in self.levels:
            shape = where.shape[0] // stride, where.shape[1] // stride
            at = Taps.at(rows, columns, shape, stride)
            if is_frozen:
                values.append(at.apply(next(remaining)[0])[np.newaxis, :, np.newaxis])
            else:
                taps += [at.places, at.shares]
        return [keras.ops.convert_to_tensor(value) for value in (*values, *remaining, *taps)]
