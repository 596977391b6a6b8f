"""What a trained network needs to know about its user's classes and images; no keras in here."""

from __future__ import annotations

import copy
import json
import math
import shutil
import zipfile
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import ZIP_ERRORS, expect_file
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.settings import CRFSettings, TrainingSettings

CARD_MEMBER = "napari_fcn_crf.json"
"""Member of the `.keras` zip that holds the card."""

PRECISION_KEY = "weights_precision"
"""Entry of the run record of a model whose file has other than float32 weights."""

FORMAT_VERSION = 1
_TYPES = ("", "bool", *(np.dtype(code).name for code in "bBhHiIlLqQefdg"))
"""Names of the types of real numbers; empty if it is not known."""

CARD_LIMIT_BYTES = 8 * 2**20
"""The losses of 300 000 steps."""


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
                "intensity": asdict(self.intensity),
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
                raise _NewerError
            card = cls(
                class_values=tuple(values["class_values"]),
                class_names=tuple(values["class_names"]),
                channels=values["channels"],
                intensity=IntensityMapping(
                    tuple(map(float, values["intensity"]["low"])),
                    tuple(map(float, values["intensity"]["high"])),
                    # Models of earlier versions have neither.
                    values["intensity"].get("dtype", ""),
                    tuple(
                        (float(low), float(high))
                        for low, high in values["intensity"].get("seen", ())
                    ),
                ),
                training=TrainingSettings.from_dict(values["training"]),
                crf=_crf_settings(values["crf"]),
                losses=tuple(map(float, values["losses"])),
                record=dict(values["record"]),
                class_colours=tuple(
                    tuple(map(float, colour)) for colour in values.get("class_colours", ())
                ),
            )
            _check(card)
        except _NewerError as error:
            raise InputError(
                "The model was saved by a newer version of napari-fcn-crf; update the plugin."
            ) from error
        except _DAMAGE as error:
            raise InputError(
                f"The model's description is damaged ({quoted(str(error), 160)}). "
                "Save the model again, or choose another file."
            ) from error
        return card


class _NewerError(Exception):
    """A card of a later version of the format."""


_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What JSON of another kind than a card's makes its reader raise."""


def _check(card: ModelCard) -> None:
    """Raise a ValueError about what no card that was written here has."""
    values, colours = card.class_values, card.class_colours
    low, high, seen = card.intensity.low, card.intensity.high, card.intensity.seen
    training = [
        (field.default, getattr(card.training, field.name)) for field in fields(card.training)
    ]
    numbers = (card.channels, *values)
    truths = {
        "class_values": values == tuple(sorted(set(values))) and len(values) >= 2,
        "class_names": len(card.class_names) == len(values)
        and all(isinstance(name, str) for name in card.class_names),
        "whole numbers": all(type(number) is int and abs(number) < 2**63 for number in numbers),
        "channels": card.channels >= 1 and len(low) == len(high) == card.channels,
        "intensity": all(
            math.isfinite(one) and math.isfinite(two) for one, two in zip(low, high, strict=True)
        )
        and card.intensity.is_sane
        and card.intensity.dtype in _TYPES
        and len(seen) in (0, card.channels)
        and all(map(math.isfinite, (number for pair in seen for number in pair))),
        "training": all(_is_like(default, value) for default, value in training),
        "losses": all(map(math.isfinite, card.losses)),
        "class_colours": len(colours) in (0, len(values))
        and all(len(colour) == 4 and 0 <= min(colour) <= max(colour) <= 1 for colour in colours),
    }
    for name, holds in truths.items():
        if not holds:
            raise InputError(f"{name} that no model has")


def _is_like(default: object, value: object) -> bool:
    """Whether a setting may have this value instead of its default."""
    if isinstance(default, float):
        return type(value) in (int, float) and math.isfinite(cast("float", value))
    return type(value) is type(default) or (default is None and isinstance(value, str))


def _crf_settings(values: dict[str, Any]) -> CRFSettings:
    try:
        return CRFSettings.from_dict(values)
    except ValueError as error:
        raise InputError(
            f"The CRF settings kept in the model cannot be used: {error} Choose another file."
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
    expect_file(path, "a .keras model file")
    name = quoted(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(CARD_MEMBER)
            if info.file_size > CARD_LIMIT_BYTES:
                raise InputError(
                    f"The description inside {name} has {info.file_size} bytes, more than the "
                    f"{CARD_LIMIT_BYTES} any model needs. Choose another file."
                )
            text = archive.read(info).decode("utf-8")
    except KeyError as error:
        raise InputError(
            f"{name} is a Keras model, but not one saved by napari-fcn-crf: it does not say "
            "which classes it knows. Choose a model saved here, or train one."
        ) from error
    except (*ZIP_ERRORS, UnicodeDecodeError) as error:
        raise InputError(
            f"Expected a .keras model file, but {name} cannot be read as one "
            f"({quoted(str(error))}). It may be truncated; choose another file."
        ) from error
    return ModelCard.from_json(text)
