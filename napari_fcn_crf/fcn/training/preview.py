"""Preview of what the network makes of an image while it learns."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.prediction.tiles import LARGEST_SHOWN_PX, predict_plane
from napari_fcn_crf.progress import Cancelled, ShouldStop
from napari_fcn_crf.settings import PredictionSettings

OnPreview = Callable[[npt.NDArray[np.float32]], None]
"""Takes probabilities `(n_classes, rows, columns)`."""

INTERVAL_S = 1.0
LARGEST_SHARE = 0.2
"""Of the time that training takes."""


class Preview:
    """Predicts a plane at most once a second, and in at most a fifth of the time.

    Parameters
    ----------
    show : callable, optional
        Takes the probabilities.
    network : keras.Model
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        Left alone if it has more than two million pixels.
    """

    def __init__(self, show: OnPreview | None, network: Any, image: Plane) -> None:
        fits = image.shape[0] * image.shape[1] <= LARGEST_SHOWN_PX
        self._show = show if fits else None
        self._network = network
        self._image = image
        self._started = time.monotonic()
        self._last = -np.inf
        self._spent = 0.0

    def offer(self, should_stop: ShouldStop | None) -> None:
        """Predict and show, if it is time."""
        begin = time.monotonic()
        is_early = begin - self._last < INTERVAL_S
        if self._show is None or is_early or self._spent > LARGEST_SHARE * (begin - self._started):
            return
        try:
            probabilities = predict_plane(
                self._network, self._image, PredictionSettings(), should_stop=should_stop
            )
        except Cancelled:
            return
        self._show(probabilities)
        self._last = begin
        self._spent += time.monotonic() - begin
