"""What training needs besides the weights to go on as if it had never stopped."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn import gradients
from napari_fcn_crf.files import ZIP_ERRORS, atomic_path
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model import optimizer_path

SIZE_LIMIT_BYTES = 4 * 2**30
"""More than any state has; the full VGG-16's has 1.1 GB."""

_LEARNING_RATE = "learning_rate"


@dataclass(frozen=True)
class OptimizerState:
    """Adam's moments, the state of dropout, and what was found so far.

    Parameters
    ----------
    arrays : dict of str to array
        "optimizer/..." and "seed/...": the variables by name; "last/...": the weights of the last
        step, where the network has better ones; "losses": the loss before each step; "validation":
        rows of a step and the IoU of each class after it.
    """

    arrays: dict[str, npt.NDArray[Any]]

    @property
    def losses(self) -> tuple[float, ...]:
        """Loss before each step, which tells the model it belongs to."""
        return tuple(self.arrays["losses"].tolist())

    @property
    def validation(self) -> list[tuple[int, tuple[float, ...]]]:
        """Steps and the IoU of each class after them."""
        return [(int(row[0]), tuple(row[1:].tolist())) for row in self.arrays["validation"]]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(array.nbytes for array in self.arrays.values())


def capture(
    trainer: Any,
    network: Any,
    losses: list[float],
    validation: list[tuple[int, tuple[float, ...]]],
    last_weights: list[npt.NDArray[Any]] | None,
) -> OptimizerState:
    """Return the state of a training.

    Parameters
    ----------
    trainer : keras.Model
        Compiled.
    network : keras.Model
        With the same layers.
    losses, validation
        As in `OptimizerState`.
    last_weights : list of array, optional
        Of the trainer's trainable variables, where it has others now.
    """
    arrays = {
        "losses": np.asarray(losses, np.float64),
        "validation": np.zeros((0, 1)),
    }
    if validation:
        arrays["validation"] = np.array([(step, *iou) for step, iou in validation], np.float64)
    for name, variable in _variables(trainer, network):
        arrays[name] = copy_of(variable)
    if last_weights is not None:
        for variable, array in zip(trainer.trainable_variables, last_weights, strict=True):
            arrays[f"last/{variable.path}"] = array
    return OptimizerState(arrays)


def restore(state: OptimizerState, trainer: Any, network: Any) -> None:
    """Set a training to a state; variables that it does not know, or of another shape, stay."""
    variables = dict(_variables(trainer, network))
    variables |= {f"last/{variable.path}": variable for variable in trainer.trainable_variables}
    for name, variable in variables.items():
        array = state.arrays.get(name)
        if array is not None and array.shape == tuple(variable.shape):
            variable.assign(array)


def size_of(trainer: Any, network: Any) -> int:
    """Return the bytes that `capture` would copy."""
    return sum(
        int(np.prod(variable.shape, dtype=np.int64)) * np.dtype(variable.dtype).itemsize
        for _, variable in _variables(trainer, network)
    )


def copy_of(variable: Any) -> npt.NDArray[Any]:
    """Return a variable's values, which later steps leave alone."""
    return np.array(keras.ops.convert_to_numpy(variable))


def write(state: OptimizerState, file: IO[bytes]) -> None:
    """Write a state as NumPy's `.npz`."""
    arrays: Any = state.arrays
    np.savez(file, **arrays)


def read(file: IO[bytes], name: str) -> OptimizerState:
    """Read a state that `write` wrote.

    Raises
    ------
    ValueError
        If it is damaged or grows when unpacked; the message speaks of the file's `name`.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size <= SIZE_LIMIT_BYTES:
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                state = OptimizerState({key: arrays[key] for key in arrays.files})
            if state.arrays["losses"].ndim == 1 and state.arrays["validation"].ndim == 2:
                return state
    except (*ZIP_ERRORS, KeyError, ValueError) as error:
        raise InputError(_damaged(name)) from error
    raise InputError(_damaged(name))


def write_sidecar(state: OptimizerState, model_path: str | Path) -> None:
    """Write a state beside its model's file.

    Raises
    ------
    ValueError
        If it cannot be written.
    """
    path = optimizer_path(model_path)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            write(state, file)
    except OSError as error:
        raise InputError(
            f"The optimizer's state could not be written to {path} ({error.strerror or error}). "
            "Free some space or choose another folder; the model itself was written."
        ) from error


def read_sidecar(model_path: str | Path) -> OptimizerState | None:
    """Return the state beside a model's file, or None if there is none."""
    path = optimizer_path(model_path)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return read(file, path.name)


def to_bytes(state: OptimizerState) -> bytes:
    """Return what `write` writes."""
    buffer = io.BytesIO()
    write(state, buffer)
    return buffer.getvalue()


def _variables(trainer: Any, network: Any) -> Iterator[tuple[str, Any]]:
    for variable in trainer.optimizer.variables:
        if not variable.path.endswith((_LEARNING_RATE, gradients.SUFFIX)):
            yield f"optimizer/{variable.path}", variable
    for layer in network.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            yield f"seed/{layer.name}", generator.state


def _damaged(name: str) -> str:
    return (
        f"Expected the state of an optimizer in {name}, but it cannot be read as one. It may be "
        "truncated; remove it to go on without it."
    )
