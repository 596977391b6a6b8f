"""Training: one image per step, Adam, pixel-wise cross-entropy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.annotations import IGNORE
from napari_fcn_crf.fcn.closed_form import needs_last_layer, solve_last_layer
from napari_fcn_crf.fcn.loss import balancing_factors, make_targets
from napari_fcn_crf.fcn.padding import pad_constant, pad_image
from napari_fcn_crf.fcn.weights.layers import CONVOLUTIONS
from napari_fcn_crf.progress import OnProgress, Progress, ShouldStop
from napari_fcn_crf.settings import TrainingSettings

SNAPSHOT_SECONDS = 10.0
"""Time between two copies of the weights: what a later step that goes wrong falls back to."""


@dataclass(frozen=True)
class Example:
    """One annotated plane.

    Parameters
    ----------
    image : array of float32, shape `(rows, columns, channels)`
        On the 0-255 scale.
    indices : array of int32, shape `(rows, columns)`
        Class index of each pixel, or `IGNORE`.
    """

    image: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int32]


@dataclass(frozen=True)
class TrainingResult:
    """How a training run went; the weights are in the network.

    Parameters
    ----------
    losses : tuple of float
        Loss before each step that counts.
    ending : str
        Why it ended: "finished", "stopped", or a sentence on what went wrong.
    """

    losses: tuple[float, ...]
    ending: str


def image_order(n_images: int, iterations: int, seed: int) -> Iterator[int]:
    """Iterate over the image of each step: all of them, shuffled anew, again and again."""
    generator = np.random.default_rng(seed)
    order: list[int] = []
    for _ in range(iterations):
        if not order:
            order = generator.permutation(n_images).tolist()
        yield order.pop()


def fit(
    network: Any,
    examples: list[Example],
    n_classes: int,
    settings: TrainingSettings,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    on_snapshot: Callable[[tuple[float, ...]], None] | None = None,
) -> TrainingResult:
    """Train a network in place.

    Parameters
    ----------
    network : keras.Model
        From `build_network`.
    examples : list of Example
    n_classes : int
    settings : TrainingSettings
    on_progress : callable, optional
        Called after each step with its loss.
    should_stop : callable, optional
        Asked before each step; true ends the training with what was learnt so far.
    on_snapshot : callable, optional
        Called with the losses so far after the first step and then at most every
        `SNAPSHOT_SECONDS`, when the network's weights are worth keeping.

    Raises
    ------
    ValueError
        If the loss is not finite before anything was learnt.
    """
    factors = _factors(examples, n_classes, settings)
    if needs_last_layer(network):
        solve_last_layer(
            network,
            [example.image for example in examples],
            [example.indices for example in examples],
            factors,
            settings.seed,
        )
    batches = _batches(examples, factors, settings)
    trainer = _trainer(network, settings)
    # Weights that are known to give a finite loss, and the losses up to them.
    good: tuple[int, list[Any]] | None = None
    candidate: tuple[int, list[Any]] | None = None
    losses: list[float] = []
    snapshot_time = -np.inf
    for index in image_order(len(batches), settings.iterations, settings.seed):
        if should_stop is not None and should_stop():
            return TrainingResult(tuple(losses), "stopped")
        loss = float(trainer.train_on_batch(*batches[index]))
        if not np.isfinite(loss):
            return _fall_back(network, losses, good)
        losses.append(loss)
        if candidate is not None:
            good, candidate = candidate, None
        if on_progress is not None:
            on_progress(Progress("Training", len(losses), settings.iterations, loss))
        if time.monotonic() - snapshot_time >= SNAPSHOT_SECONDS:
            candidate = (len(losses), network.get_weights())
            if on_snapshot is not None:
                on_snapshot(tuple(losses))
            snapshot_time = time.monotonic()
    return TrainingResult(tuple(losses), "finished")


def _trainer(network: Any, settings: TrainingSettings) -> Any:
    # A second model on the same layers: the network itself stays uncompiled, so that saving it
    # leaves out Adam's moments, twice the size of the weights.
    for layer in network.layers:
        if layer.name in CONVOLUTIONS:
            layer.trainable = not settings.frozen_backbone
    trainer = keras.Model(network.inputs, network.outputs)
    trainer.compile(
        optimizer=keras.optimizers.Adam(settings.learning_rate),
        # Always the sum: the pixels' weights say what is averaged.
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        # XLA compiles for 10 s and longer, which the usual hundred steps do not pay back.
        jit_compile=False,
    )
    return trainer


def _factors(
    examples: list[Example], n_classes: int, settings: TrainingSettings
) -> npt.NDArray[np.float64]:
    counts = np.zeros(n_classes, np.int64)
    for example in examples:
        annotated = example.indices[example.indices != IGNORE]
        counts += np.bincount(annotated, minlength=n_classes)
    return balancing_factors(counts, settings.class_weights)


def _batches(
    examples: list[Example], factors: npt.NDArray[np.float64], settings: TrainingSettings
) -> list[tuple[Any, Any, Any]]:
    batches = []
    for example in examples:
        indices = pad_constant(example.indices, IGNORE)
        targets = make_targets(indices, factors, settings.loss_reduction)
        image = pad_image(example.image)
        batches.append((image[None], targets.classes[None], targets.weights[None]))
    return batches


def _fall_back(
    network: Any, losses: list[float], good: tuple[int, list[Any]] | None
) -> TrainingResult:
    step = len(losses) + 1
    if good is None:
        raise ValueError(
            f"Training needs a finite loss, but it was not at step {step}. Lower the learning "
            "rate, e.g. to a tenth."
        )
    steps, weights = good
    network.set_weights(weights)
    return TrainingResult(
        tuple(losses[:steps]),
        f"The loss was not finite at step {step}; the weights are those of step {steps}. "
        "Lower the learning rate, e.g. to a tenth.",
    )
