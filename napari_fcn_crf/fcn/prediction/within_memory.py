"""Memory: smaller tiles where the device has too little for those asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.devices.memory import is_out_of_memory
from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.prediction.tiles import predict_plane
from napari_fcn_crf.progress import OnProgress, Progress, ShouldStop
from napari_fcn_crf.settings import PredictionSettings


def predict_within_memory(
    network: Any,
    image: Plane,
    settings: PredictionSettings,
    *,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> tuple[npt.NDArray[np.float32], PredictionSettings]:
    """Return the class probabilities of one plane, and the settings that memory sufficed for.

    Parameters are those of `predict_plane`. Where memory runs out, the tiles are halved, down to
    256 px; each `Progress` says so from then on.

    Returns
    -------
    probabilities : array of float32, shape `(n_classes, rows, columns)`
    settings : PredictionSettings
        With the tiles that were used.

    Raises
    ------
    Cancelled
        If `should_stop` turned true.
    MemoryError, or the backend's own error
        If memory does not suffice for the smallest tiles.
    """
    note = ""

    def report(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(replace(progress, note=note))

    while True:
        try:
            probabilities = predict_plane(
                network, image, settings, on_progress=report, should_stop=should_stop
            )
        except _memory_errors() as error:
            longest_side = max(image.shape[:2])
            smaller = settings.with_smaller_tiles(longest_side)
            if smaller is None or not is_out_of_memory(error):
                raise
            note = (
                f"Memory was too short for tiles of {min(settings.tile_px, longest_side)} px; the "
                f"image was predicted in tiles of {smaller.tile_px} px."
            )
            settings = smaller
        else:
            return probabilities, settings


def _memory_errors() -> tuple[type[Exception], ...]:
    """Return the errors that may say so; PyTorch's and JAX's are runtime errors."""
    if keras.backend.backend() == "tensorflow":
        from tensorflow import errors

        return (
            MemoryError,
            errors.ResourceExhaustedError,
            errors.InvalidArgumentError,
            errors.AbortedError,
        )
    return MemoryError, RuntimeError
