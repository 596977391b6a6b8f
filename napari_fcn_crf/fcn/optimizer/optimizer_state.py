"""Optimizer state: with it, training goes on as if it had never stopped."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import ZIP_ERRORS, atomic_path
from napari_fcn_crf.fcn.optimizer import recording_adam
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard, optimizer_path
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.zip_files import open_zip, read_npy_header

_LEARNING_RATE = "learning_rate"


@dataclass(frozen=True)
class OptimizerState:
    """Adam's moments, the state of dropout, and what was found so far.

    Parameters
    ----------
    arrays : dict of str to array
        "optimizer/..." and "seed/...": the variables by name; "last/...": the weights of the last
        step, where the network has better ones; "losses": the loss before each step; "validation":
        rows of a step and the IoU of each class after it; "shares": each trained variable's of the
        learning rate, empty for all of it.
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
    def shares(self) -> tuple[float, ...] | None:
        """Each trained variable's share of the learning rate, if it is known."""
        found = self.arrays.get("shares")
        return None if found is None else tuple(found.tolist())

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
        "shares": np.asarray(getattr(trainer.optimizer, "shares", ()), np.float64),
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


def read(file: IO[bytes], name: str, card: ModelCard, network: Any) -> OptimizerState | None:
    """Read a state that `write` wrote, or return None if it is one after other steps.

    Parameters
    ----------
    file : binary file
    name : str
        Of the file, for errors.
    card : ModelCard
    network : keras.Model
        Whose variables' shapes are all that are read.

    Raises
    ------
    ValueError
        If it is damaged, or holds other arrays than the network's training has.
    """
    try:
        with open_zip(file) as archive:
            headers = {}
            for info in archive.infolist():
                with archive.open(info) as member:
                    headers[info.filename.removesuffix(".npy")] = read_npy_header(member)
            if not _is_of(headers, card, network):
                raise InputError("arrays of another network")
            if headers["losses"][0] != (len(card.losses),):
                return None
            arrays = {}
            for key in headers:
                with archive.open(f"{key}.npy") as member:
                    arrays[key] = np.lib.format.read_array(member, allow_pickle=False)
    except (*ZIP_ERRORS, LookupError, ValueError) as error:
        raise unreadable(name) from error
    state = OptimizerState(arrays)
    return state if state.losses == card.losses else None


def unreadable(name: str) -> InputError:
    """Return what to raise where a file holds no state that can be read."""
    return InputError(
        f"Expected the state of an optimizer in {quoted(name)}, but it cannot be read as one. "
        "It may be truncated; remove it to go on without it."
    )


def _is_of(
    headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]], card: ModelCard, network: Any
) -> bool:
    shapes = {tuple(variable.shape) for variable in network.variables}
    # A counter of steps, the state of a generator of random numbers, and shares.
    shapes |= {(), (2,)} | {(count,) for count in range(len(network.variables) + 1)}
    if len(headers) > 4 * len(network.variables) + 8 or "validation" not in headers:
        return False
    (losses, _), (validation, _) = headers["losses"], headers["validation"]
    rows_and_columns = len(card.losses) + 1, card.n_classes + 1
    return (
        len(losses) == 1
        and len(validation) == 2
        and all(size <= most for size, most in zip(validation, rows_and_columns, strict=True))
        and all(
            dtype.kind in "fiu" and (key in ("losses", "validation") or shape in shapes)
            for key, (shape, dtype) in headers.items()
        )
    )


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
            f"The optimizer's state could not be written to {quoted(str(path), 100)} "
            f"({error.strerror or error}). Free some space or choose another folder; the "
            "model itself was written."
        ) from error


def read_sidecar(model_path: str | Path, card: ModelCard, network: Any) -> OptimizerState | None:
    """Return the state beside a model's file, or None if there is none of the same steps."""
    path = optimizer_path(model_path)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return read(file, path.name, card, network)


def to_bytes(state: OptimizerState) -> bytes:
    """Return what `write` writes."""
    buffer = io.BytesIO()
    write(state, buffer)
    return buffer.getvalue()


def _variables(trainer: Any, network: Any) -> Iterator[tuple[str, Any]]:
    for variable in trainer.optimizer.variables:
        if not variable.path.endswith((_LEARNING_RATE, recording_adam.SUFFIX)):
            yield f"optimizer/{variable.path}", variable
    for layer in network.layers:
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            yield f"seed/{layer.name}", generator.state
