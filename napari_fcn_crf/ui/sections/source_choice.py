"""Source of the refinement: a probability layer, labels, or one layer a class."""

from __future__ import annotations

from napari.layers import Image, Labels, Layer
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_fcn_crf.ui.actions.refinement_input import can_be_source
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.session.timers import update_after
from napari_fcn_crf.ui.viewer.axes import spatial_ndim
from napari_fcn_crf.ui.viewer.layers import layers_where

_SELECTED = "the selected layers, one a class"


class SourceChoice(QComboBox):
    """Choose the probabilities to refine."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._offered: list[tuple[Layer, ...]] = []
        self.setPlaceholderText("press Predict first, or choose")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Probabilities of any tool with a class axis, a labels layer, or image layers of one "
            "class each, selected in the layer list."
        )
        self.activated.connect(self._on_activated)
        selection = session.selection
        update_after(
            self.update_choices,
            selection.sources_changed,
            selection.image_changed,
            selection.layers_changed,
            selection.layers_selected,
        )
        self.update_choices()

    def update_choices(self) -> None:
        """Show what there is now, and what is chosen."""
        found = layers_where(self._session.viewer, can_be_source)
        self._offered = [(layer,) for layer in found]
        names = [_in_words(layer) for layer in found]
        selected = _selected_classes(self._session)
        if selected:
            self._offered.append(selected)
            names.append(_SELECTED)
        chosen = self._session.selection.sources
        if len(chosen) > 1 and chosen not in self._offered:
            self._offered.append(chosen)
            names.append(", ".join(layer.name for layer in chosen))
        self.clear()
        self.addItems(names or ["press Predict first"])
        self.setEnabled(bool(names))
        self.setCurrentIndex(self._offered.index(chosen) if chosen in self._offered else -1)
        if not names:
            self.setCurrentIndex(0)

    def _on_activated(self, index: int) -> None:
        if index < len(self._offered):
            self._session.selection.choose_sources(self._offered[index])


def _in_words(layer: Layer) -> str:
    return f"{layer.name} (labels)" if isinstance(layer, Labels) else layer.name


def _selected_classes(session: Session) -> tuple[Layer, ...]:
    image = session.selection.image
    selected = sorted(session.viewer.layers.selection, key=session.viewer.layers.index)
    fits = [
        layer
        for layer in selected
        if isinstance(layer, Image)
        and not layer.rgb
        and image is not None
        and layer is not image
        and layer.ndim == spatial_ndim(image)
    ]
    return tuple(fits) if fits and len(fits) == len(selected) else ()
