"""What a trained network needs to know about its user's classes and images; no keras in here."""

from __future__ import annotations

import copy
import json
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.files import ZIP_ERRORS
from napari_fcn_crf.images import IntensityMapping
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.label_values import as_label_values
from napari_fcn_crf.settings import CRFSettings, TrainingSettings

CARD_MEMBER = "napari_fcn_crf.json"
"""Member of the `.keras` zip that holds the card."""

PRECISION_KEY = "weights_precision"
"""Entry of the run record of a model whose file has other than float32 weights."""

FORMAT_VERSION = 1
_CARD_LIMIT_BYTES = 16 * 2**20


@dataclass(frozen=True)
class ModelCard:
    """Classes, intensity mapping, settings and history of a trained network.

    Parameters
    ----------
    class_values : tuple of int
        The user's own label values, ascending; position is the class index.
    class_names : tuple of str
    class_colours : tuple of (red, green, blue, alpha), each 0 to 1
        Of the labels it was trained on; empty if they are not known.
    channels : int
        Channels of the images it was trained on.
    intensity : IntensityMapping
    training : TrainingSettings
    crf : CRFSettings
        What its predictions are best refined with; the defaults unless others were kept with it.
    losses : tuple of float
        Loss before each optimizer step.
    record : dict
        Versions, hashes, seed and times of the run, as JSON values.
    """

    class_values: tuple[int, ...]
    class_names: tuple[str, ...]
    channels: int
    intensity: IntensityMapping
    training: TrainingSettings
    crf: CRFSettings = field(default_factory=CRFSettings)
    losses: tuple[float, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)
    class_colours: tuple[tuple[float, ...], ...] = ()

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_values)

    def to_labels(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.integer]:
        """Return the user's own label value of each pixel's most probable class.

        Parameters
        ----------
        probabilities : array, shape `(n_classes, *spatial)`

        Returns
        -------
        array of int, shape `spatial`
            Of the smallest unsigned type that holds the values, or signed if one is negative.

        Raises
        ------
        ValueError
            If the first axis does not have one entry a class.
        """
        array = np.asarray(probabilities)
        if array.ndim < 2 or array.shape[0] != self.n_classes:
            raise InputError(
                f"Expected probabilities with {self.n_classes} classes on the first axis, but the "
                f"shape is {array.shape}. Predict with this model first."
            )
        labels: npt.NDArray[np.integer] = as_label_values(self.class_values)[array.argmax(axis=0)]
        return labels

    def to_json(self) -> str:
        """Return the card as JSON text."""
        return json.dumps(
            {
                "format_version": FORMAT_VERSION,
                "class_values": list(self.class_values),
                "class_names": list(self.class_names),
                "class_colours": [list(colour) for colour in self.class_colours],
                "channels": self.channels,
                "intensity": {"low": self.intensity.low, "high": self.intensity.high},
                "training": self.training.to_dict(),
                "crf": self.crf.to_dict(),
                "losses": list(self.losses),
                "record": self.record,
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Make a card from `to_json`'s text.

        Raises
        ------
        ValueError
            If it is not such a text, or of a newer version of the format.
        """
        try:
            values = json.loads(text)
            if values["format_version"] > FORMAT_VERSION:
                raise InputError(
                    "The model was saved by a newer version of napari-fcn-crf; update the plugin."
                )
            return cls(
                class_values=tuple(int(value) for value in values["class_values"]),
                class_names=tuple(str(name) for name in values["class_names"]),
                channels=int(values["channels"]),
                intensity=IntensityMapping(
                    tuple(map(float, values["intensity"]["low"])),
                    tuple(map(float, values["intensity"]["high"])),
                ),
                training=TrainingSettings.from_dict(values["training"]),
                crf=CRFSettings.from_dict(values["crf"]),
                losses=tuple(map(float, values["losses"])),
                record=dict(values["record"]),
                class_colours=tuple(
                    tuple(map(float, colour)) for colour in values.get("class_colours", ())
                ),
            )
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise InputError(
                f"The model's description is damaged ({type(error).__name__}: {error}). "
                "Save the model again, or choose another file."
            ) from error


def optimizer_path(model_path: str | Path) -> Path:
    """Return where the optimizer's state of a model file is: `<stem>.optimizer.npz` beside it."""
    return Path(model_path).with_suffix(".optimizer.npz")


def copy_model(source: str | Path, target: str | Path, card: ModelCard) -> None:
    """Copy a saved model with another card; its network is not loaded.

    Raises
    ------
    OSError, zipfile.BadZipFile
        If the source cannot be read or the target cannot be written.
    """
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            if info.filename != CARD_MEMBER:
                # Writing notes the new position in what it is given.
                with old.open(info) as reader, new.open(copy.copy(info), "w") as writer:
                    shutil.copyfileobj(reader, writer)
        new.writestr(CARD_MEMBER, card.to_json(), zipfile.ZIP_DEFLATED)


def read_card(path: str | Path) -> ModelCard:
    """Read the card of a saved model without loading its network.

    Raises
    ------
    ValueError
        If the file is not a model saved by this package; the message says what it is instead.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(
            f"Expected a .keras model file, but {path.name} is a folder. Choose a file."
        )
    if not path.exists():
        raise InputError(f"Expected a .keras model file, but there is no file {path}.")
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(CARD_MEMBER)
            if info.file_size > _CARD_LIMIT_BYTES:
                raise InputError(
                    f"The description inside {path.name} has {info.file_size} bytes, more than the "
                    f"{_CARD_LIMIT_BYTES} any model needs. Choose another file."
                )
            text = archive.read(info).decode("utf-8")
    except KeyError as error:
        raise InputError(
            f"{path.name} is a Keras model, but not one saved by napari-fcn-crf: it does not say "
            "which classes it knows. Choose a model saved here, or train one."
        ) from error
    except (*ZIP_ERRORS, UnicodeDecodeError) as error:
        raise InputError(
            f"Expected a .keras model file, but {path.name} cannot be read as one ({error}). "
            "It may be truncated; choose another file."
        ) from error
    return ModelCard.from_json(text)
