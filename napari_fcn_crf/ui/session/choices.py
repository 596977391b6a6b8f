"""Choices of how to train and refine: the same in all docks of a viewer, and in the next napari."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.fcn.heads.head import STEPS, steps_of
from napari_fcn_crf.settings import BUNDLED, RANDOM, CRFSettings, TrainingSettings
from napari_fcn_crf.ui.session.user_memory import UserMemory

_OF_THE_LABELS = ("labels", "ignore_label", "trust_labels")
"""Training settings that are not chosen once for all images."""

_TRAINING, _CRF, _SHOWN = "training", "crf", "shown"


class Choices(QObject):
    """What is set in the dock, wherever it is shown.

    Attributes
    ----------
    training_changed : Signal
        Another network, or how it is trained.
    crf_changed : Signal
        How probabilities are refined.
    """

    training_changed = Signal()
    crf_changed = Signal()

    def __init__(self, memory: UserMemory, parent: QObject) -> None:
        super().__init__(parent)
        self._memory = memory
        self._training = _training_defaults() | _usable_training(memory.recall(_TRAINING))
        self._crf = _usable_crf(memory.recall(_CRF))
        self._shows_preview = memory.recall(_SHOWN).get("preview") is not False

    @property
    def training(self) -> Mapping[str, Any]:
        """Training settings by their names, but for those of the labels."""
        return MappingProxyType(self._training)

    @property
    def iterations(self) -> int:
        """How many steps a training takes, whether or not somebody has said so."""
        return steps_of(TrainingSettings(**self._training))

    @property
    def iterations_more(self) -> int:
        """How many steps go on from a model, which may have been solved without any."""
        return self.iterations or STEPS

    @property
    def crf(self) -> CRFSettings:
        """How to refine."""
        return self._crf

    @property
    def shows_preview(self) -> bool:
        """Whether a training is previewed."""
        return self._shows_preview

    def choose_training(self, **changes: Any) -> None:
        """Set how to train.

        Raises
        ------
        ValueError
            If it cannot be; nothing is changed then.
        """
        chosen = self._training | changes
        steps = TrainingSettings(**chosen).iterations
        if steps == steps_of(TrainingSettings(**(chosen | {"iterations": None}))):
            # Of another head, too, it is then what fits that.
            chosen["iterations"] = None
        if chosen != self._training:
            self._training = chosen
            plain = {name: _plain(value) for name, value in chosen.items()}
            self._memory.keep(_TRAINING, plain)
            self.training_changed.emit()

    def choose_crf(self, settings: CRFSettings) -> None:
        """Set how to refine."""
        if settings != self._crf:
            self._crf = settings
            self._memory.keep(_CRF, settings.to_dict())
            self.crf_changed.emit()

    def choose_preview(self, wanted: bool) -> None:
        """Preview trainings, or do not."""
        self._shows_preview = wanted
        self._memory.keep(_SHOWN, {"preview": wanted})


def _training_defaults() -> dict[str, Any]:
    settings = TrainingSettings()
    named = {name: getattr(settings, name) for name in settings.to_dict()}
    return {
        **{name: value for name, value in named.items() if name not in _OF_THE_LABELS},
        "weights": settings.starting_weights,
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _usable_training(kept: dict[str, Any]) -> dict[str, Any]:
    """Return those settings that this version knows and that still can be."""
    usable = {}
    for name in _training_defaults().keys() & kept.keys():
        value = kept[name]
        if name == "weights" and value not in (BUNDLED, RANDOM):
            if not isinstance(value, str) or not Path(value).is_file():
                continue
            value = Path(value)
        if isinstance(getattr(TrainingSettings(), name), bool) and not isinstance(value, bool):
            continue
        try:
            TrainingSettings(**{name: value})
        except (ValueError, TypeError):
            continue
        usable[name] = value
    backbone = usable.get("backbone", TrainingSettings().backbone)
    if backbone != "vgg16-compact" and usable.get("weights", BUNDLED) == BUNDLED:
        usable["weights"] = RANDOM
    return usable


def _usable_crf(kept: dict[str, Any]) -> CRFSettings:
    try:
        return CRFSettings.from_dict(kept)
    except (ValueError, TypeError):
        return CRFSettings()
