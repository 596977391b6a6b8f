"""Session of one viewer: what is chosen, the models, the work under way, and its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject

from napari_fcn_crf.ui.session.choices import Choices
from napari_fcn_crf.ui.session.class_names import ClassNames
from napari_fcn_crf.ui.session.following import Following
from napari_fcn_crf.ui.session.growing import Growing
from napari_fcn_crf.ui.session.image_memory import ImageMemory
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.lifetime import at_end_of
from napari_fcn_crf.ui.session.live import Live
from napari_fcn_crf.ui.session.many_images import ManyImages
from napari_fcn_crf.ui.session.misplaced_strokes import MisplacedStrokes
from napari_fcn_crf.ui.session.model_store import ModelStore, Strokes
from napari_fcn_crf.ui.session.opener import Opener
from napari_fcn_crf.ui.session.pair_list import PairList
from napari_fcn_crf.ui.session.results import Results
from napari_fcn_crf.ui.session.runner import Runner
from napari_fcn_crf.ui.session.screen import Screen
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.session.task_status import TaskStatus
from napari_fcn_crf.ui.session.user_memory import UserMemory
from napari_fcn_crf.ui.session.warning_filter import leave_out_colour_warnings

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Session(QObject):
    """What the steps of one viewer share; it lives in the viewer's window and ends with it.

    Each part announces its own changes, and is changed by its methods alone.
    """

    def __init__(self, viewer: Viewer, window: QObject) -> None:
        super().__init__(window)
        leave_out_colour_warnings()
        self.viewer: Final = viewer
        # In this order: what follows from a choice is true by the time that others hear of it.
        self.selection: Final = Selection(viewer, self)
        self.pairs: Final = PairList(viewer, self.selection, self)
        self.meaning: Final = LabelMeaning(viewer, self.selection, self.pairs, self)
        self.class_names: Final = ClassNames(self.selection, self.meaning, self)
        self.models: Final = ModelStore(self)
        self.runner: Final = Runner(self)
        TaskStatus(viewer, self.runner, self)
        self.results: Final = Results(viewer, self)
        self.growing: Final = Growing(viewer, self.runner, self)
        self.screen: Final = Screen(viewer, self.selection, self.meaning, self.class_names, self)
        self.misplaced: Final = MisplacedStrokes(
            viewer, self.selection, self.meaning, self.screen, self
        )
        self._memory = UserMemory(self)
        self.choices: Final = Choices(self._memory, self)
        self.many: Final = ManyImages(viewer, self._memory, self)
        self.opener: Final = Opener(self)
        ImageMemory(self.selection, self.meaning, self.class_names, self._memory, self)
        self.live: Final = Live(
            viewer,
            self.selection,
            self.pairs,
            self.meaning,
            self.choices,
            self.runner,
            self.screen,
            self,
        )
        Following(viewer, self.selection, self.runner, self)
        self.runner.failed.connect(self._on_failed)
        self.models.weights_changed.connect(self._on_weights_checked)
        at_end_of(self, self._end)

    def strokes(self) -> Strokes | None:
        """Return how much is painted on the chosen labels; None while that is counted."""
        labels, counts = self.selection.annotation, self.meaning.counts
        if labels is None or counts.latest is None or not counts.is_current:
            return None
        return Strokes(str(labels.unique_id), dict(counts.latest))

    @property
    def has_new_strokes(self) -> bool:
        """Whether the chosen labels were painted on since the model has learnt from them."""
        model, strokes = self.models.model, self.strokes()
        learnt = None if model is None else model.learnt_from
        if learnt is None or strokes is None or self.live.is_on:
            return False
        return learnt.labels_id == strokes.labels_id and learnt.pixels != strokes.pixels

    def _on_weights_checked(self) -> None:
        weights = self.models.weights
        if weights is not None:
            self.choices.choose_training(backbone="vgg16", weights=weights.path)

    def _on_failed(self, error: Exception) -> None:
        self.screen.end_preview()
        self.many.table.stop()

    def _end(self) -> None:
        self._memory.write()
        # In this order: the compute process writes into the folder of models.
        self.runner.end()
        self.models.leave()
        self.growing.leave()


def session_of(viewer: Viewer) -> Session:
    """Return the session that lives in a viewer's window, made on first use."""
    # Plugins are given a proxy that hides private attributes, the window's among them.
    viewer = getattr(viewer, "__wrapped__", viewer)
    window = viewer.window._qt_window
    found = window.findChild(Session)
    return found if found is not None else Session(viewer, window)
