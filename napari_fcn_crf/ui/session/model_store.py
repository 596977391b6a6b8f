"""Model store: the model that Predict uses, the weights a new one starts from, and saving."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.model.card import ModelCard, copy_model, optimizer_path
from napari_fcn_crf.pipeline import refinement
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.ui.session.unsaved_models import UnsavedFolder, UnsavedModel


@dataclass(frozen=True)
class TrainedModel:
    """A model file, which only the compute process loads, and its card.

    Parameters
    ----------
    path : Path
    card : ModelCard
    name : str
    is_saved : bool
    learnt_from : Strokes, optional
        What was painted when it was trained here.
    """

    path: Path
    card: ModelCard
    name: str
    is_saved: bool
    learnt_from: Strokes | None = None


@dataclass(frozen=True)
class Strokes:
    """How much was painted on some labels.

    Parameters
    ----------
    labels_id : str
        Of the layer.
    pixels : dict
        Pixels of each label value.
    """

    labels_id: str
    pixels: dict[int, int]


@dataclass(frozen=True)
class WeightsChoice:
    """A weights file that was checked, and what was found in it."""

    path: Path
    description: str


class ModelStore(QObject):
    """The current model, and the folder of those that were trained but not saved yet.

    Attributes
    ----------
    model_changed : Signal
        Another model is used, it was saved, or other CRF settings are kept with it.
    weights_changed : Signal
        Another weights file was checked.
    unsaved_changed : Signal
        There is no model of an earlier session to be opened any more.
    """

    model_changed = Signal()
    weights_changed = Signal()
    unsaved_changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._model: TrainedModel | None = None
        self._weights: WeightsChoice | None = None
        self._folder = UnsavedFolder()
        self._unsaved = self._folder.found()
        self._models_made = 0

    @property
    def model(self) -> TrainedModel | None:
        """The model that Predict uses."""
        return self._model

    def require(self) -> TrainedModel:
        """Return the model that Predict uses.

        Raises
        ------
        ValueError
            If there is none.
        """
        if self._model is None:
            raise ValueError("Predicting needs a model, but there is none yet. Press Train first.")
        return self._model

    @property
    def weights(self) -> WeightsChoice | None:
        """The weights file that the next training may start from."""
        return self._weights

    def choose_weights(self, weights: WeightsChoice) -> None:
        """Offer another weights file to the next training."""
        self._weights = weights
        self.weights_changed.emit()

    def new_path(self) -> Path:
        """Return where the next trained model is kept until the user saves it.

        Of those that were trained before, the current one stays: it can still be gone on with. The
        others are deleted, so no work that may read them can be under way.
        """
        folder = self._folder.path
        current = None if self._model is None else self._model.path
        for path in folder.glob("*.keras"):
            if path != current:
                path.unlink(missing_ok=True)
                optimizer_path(path).unlink(missing_ok=True)
        self._models_made += 1
        return folder / f"model-{self._models_made}.keras"

    def keep(
        self,
        path: Path,
        card: ModelCard,
        name: str,
        *,
        is_saved: bool,
        learnt_from: Strokes | None = None,
    ) -> None:
        """Make a model the one that Predict uses."""
        refinement.prepare(card.n_classes)
        self._use(TrainedModel(path, card, name, is_saved, learnt_from))

    def keep_settings(self, settings: CRFSettings) -> None:
        """Make CRF settings the current model's; they are written when it is saved.

        Raises
        ------
        ValueError
            If there is no model.
        """
        if self._model is None:
            raise ValueError("There is no model to keep settings with. Train one, or open one.")
        card = replace(self._model.card, crf=settings)
        self._use(replace(self._model, card=card, is_saved=False))

    def save(self, target: Path) -> None:
        """Copy the current model, with its card, to a file of the user's choice, atomically.

        Raises
        ------
        ValueError
            If the file cannot be written; the message says why.
        """
        if self._model is None:
            raise ValueError("There is no model to save yet. Press Train first.")
        try:
            with atomic_path(target) as temporary:
                copy_model(self._model.path, temporary, self._model.card)
        except OSError as error:
            raise ValueError(
                f"The model could not be saved as {target.name}: {error.strerror or error}. "
                "Choose another folder, or free some space."
            ) from error
        self._use(replace(self._model, name=target.name, is_saved=True))

    @property
    def unsaved(self) -> UnsavedModel | None:
        """The model that an earlier session has not saved, until it is opened or deleted."""
        return self._unsaved

    def open_unsaved(self) -> None:
        """Use the model that an earlier session has not saved.

        Raises
        ------
        ValueError
            If it is gone.
        """
        unsaved = self._unsaved
        if unsaved is None:
            return
        self._forget_unsaved()
        path = self._folder.adopt(unsaved)
        self.keep(path, unsaved.card, unsaved.name, is_saved=False)

    def discard_unsaved(self) -> None:
        """Delete the model that an earlier session has not saved."""
        if self._unsaved is not None:
            self._folder.discard(self._unsaved)
        self._forget_unsaved()

    def leave(self) -> None:
        """End with the session; a model that is not saved stays for the next one."""
        self._folder.leave()

    def _forget_unsaved(self) -> None:
        self._unsaved = None
        self.unsaved_changed.emit()

    def _use(self, model: TrainedModel) -> None:
        self._model = model
        if model.is_saved:
            self._folder.forget(model.path)
        else:
            self._folder.note(model.path, model.card, model.name)
        self.model_changed.emit()
