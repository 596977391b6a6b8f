"""Training log for TensorBoard: the loss, every gradient, and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.optimizer.recording_adam import AdamWithGradients
from napari_fcn_crf.fcn.prediction.tiles import LARGEST_SHOWN_PX, predict_plane
from napari_fcn_crf.fcn.tensorboard.event_file import EventFile
from napari_fcn_crf.progress import Cancelled, ShouldStop
from napari_fcn_crf.settings import PredictionSettings

LOSS = "cross_entropy_loss"
"""The name that the tutorial has for it."""

MOST_GRADIENTS, MOST_PREDICTIONS = 100, 10


class TrainingLog:
    """Writes an event file while a network is trained.

    The loss of every step; a histogram of every gradient at every step, or at a hundred, evenly
    spread; and after every step, or ten, the probability of each class in the first image, unless
    that has more than two million pixels.

    Parameters
    ----------
    events : EventFile
    class_names : tuple of str
    """

    def __init__(self, events: EventFile, class_names: tuple[str, ...]) -> None:
        self._events = events
        self._class_names = class_names

    def begin(
        self,
        network: Any,
        optimizer: AdamWithGradients,
        image: Plane,
        iterations: int,
    ) -> None:
        """Say what is trained, for how many steps, and what image `(rows, columns, channels)`
        to predict.
        """
        self._network = network
        self._optimizer = optimizer
        self._image = image
        self._iterations = iterations

    def after_step(self, done: int, step: int, loss: float, should_stop: ShouldStop | None) -> None:
        """Write what there is to write after the `done`th step of this run.

        Parameters
        ----------
        done : int
        step : int
            Its number among the steps of all runs, which TensorBoard shows.
        loss : float
            Before it.
        should_stop : callable, optional
        """
        self._events.scalar(step, LOSS, loss)
        if self._is_due(done, MOST_GRADIENTS):
            for name, gradient in self._optimizer.gradients():
                self._events.histogram(step, f"gradients/{name}", gradient)
        is_small = np.prod(self._image.shape[:2]) <= LARGEST_SHOWN_PX
        if self._is_due(done, MOST_PREDICTIONS) and is_small:
            self._write_prediction(step, should_stop)

    def _is_due(self, done: int, most: int) -> bool:
        every = -(-self._iterations // most)
        return done % every == 0 or done == self._iterations

    def _write_prediction(self, step: int, should_stop: ShouldStop | None) -> None:
        try:
            probabilities = predict_plane(
                self._network, self._image, PredictionSettings(), should_stop=should_stop
            )
        except Cancelled:
            return
        for name, probability in zip(self._class_names, probabilities, strict=True):
            gray = np.rint(255 * probability).astype(np.uint8)
            self._events.image(step, f"probability/{name}", gray)
