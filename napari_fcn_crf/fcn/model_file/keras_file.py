"""`.keras` file: what plain Keras loads, and a member with the model's card."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import keras

from napari_fcn_crf.atomic_files import ZIP_ERRORS, atomic_path
from napari_fcn_crf.fcn.model_file.archive_check import OPTIMIZER_MEMBER, check_archive
from napari_fcn_crf.fcn.model_file.half_precision import halve_weights
from napari_fcn_crf.fcn.optimizer import optimizer_state
from napari_fcn_crf.fcn.optimizer.optimizer_state import OptimizerState
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import CARD_MEMBER, PRECISION_KEY, ModelCard, read_card
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.settings import Precision
from napari_fcn_crf.zip_files import open_zip


def save(
    network: Any,
    card: ModelCard,
    path: str | Path,
    optimizer: OptimizerState | None = None,
    precision: Precision = "single",
) -> None:
    """Write a network, its card and perhaps its optimizer's state as one file.

    What was there before stays if that fails.

    Parameters
    ----------
    network : keras.Model
    card : ModelCard
    path : path
    optimizer : OptimizerState, optional
    precision : {"single", "half"}
        Of the kernels in the file.

    Raises
    ------
    ValueError
        If the name does not end in `.keras`, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise InputError(
            f"A model's file name must end in .keras, but it is '{quoted(path.name)}'. "
            f"Choose e.g. {quoted(path.stem)}.keras."
        )
    try:
        with atomic_path(path) as temporary:
            keras.saving.save_model(network, temporary)
            if precision == "half":
                halve_weights(temporary)
            with zipfile.ZipFile(temporary, "a", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(CARD_MEMBER, card.to_json())
                if optimizer is not None:
                    archive.writestr(
                        OPTIMIZER_MEMBER, optimizer_state.to_bytes(optimizer), zipfile.ZIP_STORED
                    )
    except OSError as error:
        raise InputError(
            f"The model could not be written to {quoted(str(path), 100)} "
            f"({error.strerror or error}). Free some space or choose another folder; what "
            "was there before is unchanged."
        ) from error


def load(path: str | Path) -> tuple[Any, ModelCard]:
    """Read a network and its card; no code in the file is run.

    Raises
    ------
    ValueError
        If the file is not a model saved by this package, or holds more than plain layers.
    """
    path = Path(path)
    card = read_card(path)
    check_archive(path)
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (*ZIP_ERRORS, ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(
            f"The network in {quoted(path.name)} cannot be read ({type(error).__name__}). The file "
            "may be damaged; choose another one."
        ) from error
    expected = (card.channels, card.n_classes)
    found = (network.input_shape[-1], network.output_shape[-1])
    if found != expected:
        raise InputError(
            f"The description in {quoted(path.name)} speaks of {expected[0]} channels and "
            f"{expected[1]} classes, but its network has {found[0]} and {found[1]}. Choose "
            "another file."
        )
    return network, card


def load_optimizer(path: str | Path, card: ModelCard, network: Any) -> OptimizerState | None:
    """Return the optimizer's state in a model's file or beside it.

    None if there is none, or one of other weights than the model's: the model was written again
    after other steps, or in half precision.

    Parameters
    ----------
    path : path
    card : ModelCard
    network : keras.Model
        As `load` returned it.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    path = Path(path)
    if card.record.get(PRECISION_KEY) == "half":
        return None
    with open_zip(path) as archive:
        if OPTIMIZER_MEMBER in archive.namelist():
            try:
                opened = archive.open(OPTIMIZER_MEMBER)
            except ZIP_ERRORS as error:
                raise optimizer_state.unreadable(path.name) from error
            with opened as member:
                return optimizer_state.read(member, path.name, card, network)
    return optimizer_state.read_sidecar(path, card, network)
