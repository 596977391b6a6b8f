"""Training: one image per step, Adam, pixel-wise cross-entropy."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.heads.head import STEPS, head_of, steps_of
from napari_fcn_crf.fcn.optimizer.optimizer import compile_trainer
from napari_fcn_crf.fcn.optimizer.optimizer_state import OptimizerState
from napari_fcn_crf.fcn.training import learning_rates
from napari_fcn_crf.fcn.training.frozen_features import make_feed
from napari_fcn_crf.fcn.training.last_layer import needs_last_layer, solve_last_layer
from napari_fcn_crf.fcn.training.loss import balancing_factors
from napari_fcn_crf.fcn.training.preview import Preview
from napari_fcn_crf.fcn.training.run import TrainingResult, TrainingRun
from napari_fcn_crf.fcn.training.surroundings import surroundings
from napari_fcn_crf.fcn.training.validation import VALIDATION_STEPS, hold_out
from napari_fcn_crf.fcn.training.watch import TrainingWatch
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import TrainingSettings

__all__ = ["Example", "TrainingResult", "TrainingWatch", "fit", "image_order"]

SNAPSHOT_SECONDS = 10.0
"""Time between two copies of the weights: what a later step that goes wrong falls back to."""

_RECENT_STEPS = 20


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
    watch: TrainingWatch | None = None,
    *,
    losses: tuple[float, ...] = (),
    state: OptimizerState | None = None,
) -> TrainingResult:
    """Train a network in place.

    Parameters
    ----------
    network : keras.Model
        From `build_network`.
    examples : list of Example
    n_classes : int
    settings : TrainingSettings
    watch : TrainingWatch, optional
        Its snapshots are taken after the first step and then at most every `SNAPSHOT_SECONDS`.
    losses : tuple of float
        Of the steps that were taken before.
    state : OptimizerState, optional
        Of those steps; without it Adam starts anew.

    Raises
    ------
    ValueError
        If the loss is not finite before anything was learnt, or no iterations are asked of a
        network that is not solved in closed form.
    """
    is_unsolved = head_of(network).is_solved(settings) and needs_last_layer(network)
    # Whoever goes on from what was solved or learnt wants steps.
    steps = steps_of(settings) if is_unsolved or settings.iterations is not None else STEPS
    watch = watch or TrainingWatch()
    if settings.validation_fraction > 0:
        fraction, seed = settings.validation_fraction, settings.seed
        examples = [hold_out(example, fraction, seed) for example in examples]
    first_image = examples[0].image
    factors = _factors(examples, n_classes, settings)
    try:
        if is_unsolved:
            around = surroundings(network, examples)
            report = watch.before_patches(_phase(around))
            solve_last_layer(network, around, factors, settings.seed, report)
            del around
            if not steps:
                return TrainingResult(losses, "finished", "quick")
        elif not steps:
            raise InputError(
                f"{head_of(network).title} is trained step by step, but no iterations were asked "
                "for. Choose at least 1."
            )
        report = watch.before_patches("Computing features")
        feed, mode, note = make_feed(network, examples, factors, settings, report)
    except Cancelled:
        return TrainingResult(losses, "stopped", state=state)
    variables = feed.trainer.trainable_variables
    shares = None if state is None else state.shares
    if shares is None or len(shares) not in (0, len(variables)):
        shares = learning_rates.shares(network, variables, first_image, settings)
    compile_trainer(feed.trainer, settings.learning_rate, shares, watch.log is not None)
    run = TrainingRun(network, feed, mode, note, n_classes)
    if losses:
        run.go_on(list(losses), state)
    if watch.log is not None:
        watch.log.begin(network, feed.trainer.optimizer, first_image, steps)
    preview = Preview(watch.on_preview, network, first_image)
    start, total = len(losses), len(losses) + steps
    order = islice(image_order(feed.n_batches, total, settings.seed), start, None)
    ending = _take_steps(run, order, steps, settings, watch, preview)
    run.keep_best()
    return run.result(ending, with_state=True)


def _take_steps(
    run: TrainingRun,
    order: Iterator[int],
    steps: int,
    settings: TrainingSettings,
    watch: TrainingWatch,
    preview: Preview,
) -> str:
    """Take a step with each image of the order, and return why there was an end."""
    snapshot_time = -np.inf
    durations: deque[float] = deque(maxlen=_RECENT_STEPS)
    for done, index in enumerate(order, start=1):
        if watch.stops():
            return "stopped"
        began = time.monotonic()
        if not run.step(index):
            return run.fall_back()
        if watch.log is not None:
            watch.log.after_step(done, len(run.losses), run.losses[-1], watch.should_stop)
        iou = run.validate() if len(run.losses) % VALIDATION_STEPS == 0 else None
        preview.offer(watch.should_stop)
        left = (steps - done) * float(np.mean(durations)) if durations else None
        watch.report(
            Progress(
                "Training",
                done,
                steps,
                run.losses[-1],
                validation_iou=iou,
                seconds_left=left,
            )
        )
        if time.monotonic() - snapshot_time >= SNAPSHOT_SECONDS:
            run.remember()
            if watch.on_snapshot is not None:
                with run.best_weights():
                    watch.on_snapshot(run.result("running", with_state=run.has_small_state))
            snapshot_time = time.monotonic()
        # The first step compiles the network.
        if done > 1:
            durations.append(time.monotonic() - began)
        # Whoever goes on after such an end wants that many steps at least.
        if settings.patience and min(done, run.steps_since_best) >= settings.patience:
            return f"The {run.criterion} had not improved for {settings.patience} steps."
    return "finished"


def _phase(around: list[Patches]) -> str:
    """Return what people are told that reading patches is; empty where it takes no time."""
    if all(patches.is_whole for patches in around):
        return "Reading the images" if len(around) > 1 else ""
    return "Reading what surrounds the strokes"


def _factors(
    examples: list[Example], n_classes: int, settings: TrainingSettings
) -> npt.NDArray[np.float64]:
    counts = np.zeros(n_classes, np.int64)
    for example in examples:
        annotated = example.indices[example.indices != IGNORE]
        counts += np.bincount(annotated, minlength=n_classes)
    return balancing_factors(counts, settings.class_weights)
