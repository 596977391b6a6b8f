"""Training: one image per step, Adam, pixel-wise cross-entropy."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.annotations import IGNORE
from napari_fcn_crf.fcn import optimizer_state
from napari_fcn_crf.fcn.closed_form import needs_last_layer, solve_last_layer
from napari_fcn_crf.fcn.example import Example
from napari_fcn_crf.fcn.feed import Feed
from napari_fcn_crf.fcn.loss import balancing_factors
from napari_fcn_crf.fcn.optimizer_state import OptimizerState, copy_of
from napari_fcn_crf.fcn.preview import OnPreview, Preview
from napari_fcn_crf.fcn.quick import make_feed
from napari_fcn_crf.fcn.validation import (
    VALIDATION_STEPS,
    held_out_classes,
    held_out_iou,
    hold_out,
)
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.settings import TrainingSettings

__all__ = ["Example", "TrainingResult", "fit", "image_order"]

SNAPSHOT_SECONDS = 10.0
"""Time between two copies of the weights: what a later step that goes wrong falls back to."""

SMALL_STATE_BYTES = 64 * 2**20
"""An optimizer's state up to this size is part of every snapshot, a larger one of the last."""

_RECENT_STEPS = 20

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class TrainingResult:
    """How a training run went; the weights are in the network.

    Parameters
    ----------
    losses : tuple of float
        Loss before each step that counts, earlier runs' included.
    ending : str
        Why it ended: "finished", "stopped", or a sentence on what happened. "running" in a
        snapshot.
    mode : str
        "quick" or "full": what was trained.
    note : str
        A sentence, where that is not what the settings asked for; else empty.
    validation : tuple of (step, IoU of each class)
        On what was held out.
    kept_step : int
        The step that the weights are of.
    state : OptimizerState, optional
        What a later run needs to go on exactly.
    """

    losses: tuple[float, ...]
    ending: str
    mode: str = "full"
    note: str = ""
    validation: tuple[tuple[int, tuple[float, ...]], ...] = ()
    kept_step: int = 0
    state: OptimizerState | None = None


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
    losses: tuple[float, ...] = (),
    state: OptimizerState | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    on_snapshot: Callable[[TrainingResult], None] | None = None,
    on_preview: OnPreview | None = None,
) -> TrainingResult:
    """Train a network in place.

    Parameters
    ----------
    network : keras.Model
        From `build_network`.
    examples : list of Example
    n_classes : int
    settings : TrainingSettings
    losses : tuple of float
        Of the steps that were taken before.
    state : OptimizerState, optional
        Of those steps; without it Adam starts anew.
    on_progress : callable, optional
        Called after each step with its loss.
    should_stop : callable, optional
        Asked before each step; true ends the training with what was learnt so far.
    on_snapshot : callable, optional
        Called after the first step and then at most every `SNAPSHOT_SECONDS`, when the network's
        weights are worth keeping.
    on_preview : callable, optional
        Called now and then with the first example's probabilities.

    Raises
    ------
    ValueError
        If the loss is not finite before anything was learnt.
    """
    if settings.validation_fraction > 0:
        fraction, seed = settings.validation_fraction, settings.seed
        examples = [hold_out(example, fraction, seed) for example in examples]
    factors = _factors(examples, n_classes, settings)
    if needs_last_layer(network):
        solve_last_layer(
            network,
            [example.image for example in examples],
            [example.indices for example in examples],
            factors,
            settings.seed,
        )

    def report(done: int, total: int) -> None:
        if should_stop is not None and should_stop():
            raise Cancelled
        if on_progress is not None:
            on_progress(Progress("Computing features", done, total))

    try:
        feed, mode, note = make_feed(network, examples, factors, settings, report)
    except Cancelled:
        return TrainingResult(losses, "stopped", state=state)
    run = _Run(network, feed, mode, note, held_out_classes(examples), n_classes)
    if losses:
        run.go_on(list(losses), state)
    preview = Preview(on_preview, network, examples[0].image)
    ending = "finished"
    snapshot_time = -np.inf
    durations: deque[float] = deque(maxlen=_RECENT_STEPS)
    start, total = len(losses), len(losses) + settings.iterations
    order = islice(image_order(feed.n_batches, total, settings.seed), start, None)
    for done, index in enumerate(order, start=1):
        if should_stop is not None and should_stop():
            ending = "stopped"
            break
        began = time.monotonic()
        if not run.step(index):
            ending = run.fall_back()
            break
        iou = run.validate() if len(run.losses) % VALIDATION_STEPS == 0 else None
        preview.offer(should_stop)
        if on_progress is not None:
            left = (settings.iterations - done) * float(np.mean(durations)) if durations else None
            on_progress(
                Progress(
                    "Training",
                    done,
                    settings.iterations,
                    run.losses[-1],
                    validation_iou=iou,
                    seconds_left=left,
                )
            )
        if time.monotonic() - snapshot_time >= SNAPSHOT_SECONDS:
            run.remember()
            if on_snapshot is not None:
                with run.best_weights():
                    on_snapshot(run.result("running", with_state=run.has_small_state))
            snapshot_time = time.monotonic()
        # The first step compiles the network.
        if done > 1:
            durations.append(time.monotonic() - began)
        # Whoever goes on after such an end wants that many steps at least.
        if settings.patience and min(done, run.steps_since_best) >= settings.patience:
            ending = f"The {run.criterion} had not improved for {settings.patience} steps."
            break
    run.keep_best()
    return run.result(ending, with_state=True)


class _Run:
    """What is known of a training while it goes on."""

    def __init__(
        self,
        network: Any,
        feed: Feed,
        mode: str,
        note: str,
        held_out: npt.NDArray[np.int32],
        n_classes: int,
    ) -> None:
        self._network = network
        self._feed = feed
        self._mode = mode
        self._note = note
        self._held_out = held_out
        self._n_classes = n_classes
        self._trainer = feed.trainer
        self._last: Arrays | None = None
        self._best: Arrays | None = None
        self._best_score, self._best_step = -np.inf, 0
        # Weights that are known to give a finite loss, and the number of steps up to them.
        self._good: tuple[int, Arrays] | None = None
        self._candidate: tuple[int, Arrays] | None = None
        self._is_exact = True
        self.losses: list[float] = []
        self.validation: list[tuple[int, tuple[float, ...]]] = []

    def go_on(self, losses: list[float], state: OptimizerState | None) -> None:
        """Take up a training where it ended."""
        kept = self._weights()
        if state is not None:
            optimizer_state.restore(state, self._trainer, self._network)
            self.validation = state.validation
        self.losses = losses
        self._good = len(losses), self._weights()
        if len(self._held_out):
            for step, iou in self.validation:
                self._judge(step, float(np.nanmean(iou)))
            self._best = kept if self.validation else None
        else:
            self.validation = []
            for step, loss in enumerate(losses, start=1):
                self._judge(step, -loss)

    @property
    def criterion(self) -> str:
        """What should get better."""
        return "IoU of what is held out" if len(self._held_out) else "loss"

    @property
    def steps_since_best(self) -> int:
        """Steps since it was best."""
        return len(self.losses) - self._best_step

    @property
    def has_small_state(self) -> bool:
        """Whether a snapshot includes the optimizer's state."""
        return optimizer_state.size_of(self._trainer, self._network) <= SMALL_STATE_BYTES

    def step(self, index: int) -> bool:
        """Take a step and return whether its loss was finite."""
        batch = self._feed.batch(index, len(self.losses) + 1)
        loss = float(self._trainer.train_on_batch(*batch))
        if not np.isfinite(loss):
            return False
        self.losses.append(loss)
        if self._candidate is not None:
            self._good, self._candidate = self._candidate, None
        if not len(self._held_out):
            self._judge(len(self.losses), -loss)
        return True

    def validate(self) -> tuple[float, ...] | None:
        """Measure the network on what is held out, if anything is."""
        if not len(self._held_out):
            return None
        iou = held_out_iou(self._feed.predict_held_out(), self._held_out, self._n_classes)
        self.validation.append((len(self.losses), iou))
        if self._judge(len(self.losses), float(np.nanmean(iou))):
            self._best = self._weights()
        return iou

    def remember(self) -> None:
        """Keep the weights for `fall_back`, once a step from them has a finite loss."""
        self._candidate = len(self.losses), self._weights()

    def fall_back(self) -> str:
        """Set the last good weights and return a sentence on it."""
        step = len(self.losses) + 1
        if self._good is None:
            raise ValueError(
                f"Training needs a finite loss, but it was not at step {step}. Lower the learning "
                "rate, e.g. to a tenth."
            )
        steps, weights = self._good
        self._assign(weights)
        self._is_exact = False
        del self.losses[steps:]
        self.validation = [(at, iou) for at, iou in self.validation if at <= steps]
        if self._best_step > steps:
            self._best = None
        return (
            f"The loss was not finite at step {step}; the weights are those of step {steps}. "
            "Lower the learning rate, e.g. to a tenth."
        )

    @contextmanager
    def best_weights(self) -> Iterator[None]:
        """Let the network have its best weights for a while."""
        self.keep_best()
        yield
        if self._last is not None:
            self._assign(self._last)
            self._last = None

    def keep_best(self) -> None:
        """Set the best weights, if they are known not to be the last."""
        if self._best is not None and self._best_step != len(self.losses):
            self._last = self._weights()
            self._assign(self._best)

    def result(self, ending: str, with_state: bool) -> TrainingResult:
        """Return how it went; without a state after a loss that was not finite."""
        state = None
        if with_state and self._is_exact:
            state = optimizer_state.capture(
                self._trainer, self._network, self.losses, self.validation, self._last
            )
        steps = len(self.losses)
        return TrainingResult(
            tuple(self.losses),
            ending,
            self._mode,
            self._note,
            tuple(self.validation),
            steps if self._last is None else self._best_step,
            state,
        )

    def _judge(self, step: int, score: float) -> bool:
        if score <= self._best_score:
            return False
        self._best_score, self._best_step = score, step
        return True

    def _weights(self) -> Arrays:
        return [copy_of(variable) for variable in self._trainer.trainable_variables]

    def _assign(self, weights: Arrays) -> None:
        for variable, array in zip(self._trainer.trainable_variables, weights, strict=True):
            variable.assign(array)


def _factors(
    examples: list[Example], n_classes: int, settings: TrainingSettings
) -> npt.NDArray[np.float64]:
    counts = np.zeros(n_classes, np.int64)
    for example in examples:
        annotated = example.indices[example.indices != IGNORE]
        counts += np.bincount(annotated, minlength=n_classes)
    return balancing_factors(counts, settings.class_weights)
