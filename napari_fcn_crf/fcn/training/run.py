"""Run of a training: its losses, its best weights, and those to fall back to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.optimizer import optimizer_state
from napari_fcn_crf.fcn.optimizer.optimizer_state import OptimizerState, copy_of
from napari_fcn_crf.fcn.training.validation import held_out_iou
from napari_fcn_crf.fcn.training.whole_images import Feed
from napari_fcn_crf.input_error import InputError

SMALL_STATE_BYTES = 64 * 2**20
"""An optimizer's state up to this size is part of every snapshot, a larger one of the last."""

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


class TrainingRun:
    """What is known of a training while it goes on.

    Parameters
    ----------
    network : keras.Model
    feed : Feed
        From `make_feed`, as `mode` and `note`.
    mode, note : str
    n_classes : int
    """

    def __init__(
        self,
        network: Any,
        feed: Feed,
        mode: str,
        note: str,
        n_classes: int,
    ) -> None:
        self._network = network
        self._feed = feed
        self._mode = mode
        self._note = note
        self._held_out = feed.held_out
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
            raise InputError(
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
