"""Models that were trained, and their saving and loading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import PRECISION_KEY, ModelCard
from napari_fcn_crf.settings import Precision
from napari_fcn_crf.settings_base import require

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.optimizer.optimizer_state import OptimizerState


@dataclass(frozen=True)
class Model:
    """A trained network and what it knows about its classes.

    Parameters
    ----------
    network : keras.Model
        From 0-255 images `(batch, rows, columns, channels)` to logits.
    card : ModelCard
    optimizer : OptimizerState, optional
        What a later training needs to go on exactly where this one ended.
    """

    network: Any
    card: ModelCard
    optimizer: OptimizerState | None = None

    def to_labels(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.integer]:
        """Return the user's own label value of each pixel's most probable class."""
        return self.card.to_labels(probabilities)


def save_model(
    model: Model, path: str | Path, *, optimizer: bool = False, precision: Precision = "single"
) -> None:
    """Write a model as one `.keras` file that plain Keras can load too.

    Parameters
    ----------
    model : Model
    path : path
        Ending in `.keras`.
    optimizer : bool
        Write the optimizer's state into the file as well, for `train`'s `resume`; it is twice the
        size of what was trained.
    precision : {"single", "half"}
        Of the kernels in the file. In half precision, with eleven binary digits, it is half as
        large; `model` is left as it is.

    Raises
    ------
    ValueError
        If it cannot be written; what was at `path` before is unchanged then.
    """
    require("precision", precision, precision in get_args(Precision), "'single' or 'half'")
    card, state = model.card, model.optimizer if optimizer else None
    if precision == "half":
        if optimizer:
            raise InputError(
                "Going on exactly needs the weights in full, but half precision was chosen. "
                "Choose one of the two."
            )
        card = replace(card, record=card.record | {PRECISION_KEY: precision})

    from napari_fcn_crf.fcn.model_file import keras_file

    keras_file.save(model.network, card, path, state, precision)


def load_model(path: str | Path, *, optimizer: bool = False) -> Model:
    """Read a model that `save_model` wrote; no code in the file is run.

    Parameters
    ----------
    path : path
    optimizer : bool
        Read the optimizer's state as well, from the file itself or from
        `<stem>.optimizer.npz` beside it. One that is of other steps than the model is left alone.

    Raises
    ------
    ValueError
        If it is not such a file; the message says what it is instead.
    """
    from napari_fcn_crf.fcn.model_file import keras_file

    network, card = keras_file.load(path)
    state = keras_file.load_optimizer(path, card, network) if optimizer else None
    return Model(network, card, state)
