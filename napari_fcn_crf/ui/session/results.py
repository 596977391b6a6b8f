"""Results that can be compared, cleaned up or corrected: refined labels, and uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.ui.session.lifetime import follow

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class Refined:
    """The last refinement.

    Parameters
    ----------
    image : Image
        What was refined.
    predicted, refined : Labels
        Before and after the CRF.
    differs : array of uint8, shape of the labels, optional
        1 where these differ; None of an image that is larger than memory.
    changed : float
        Fraction of pixels that do.
    areas_before, areas_after : dict
        Fraction of the pixels that each label value covers.
    """

    image: Image
    predicted: Labels
    refined: Labels
    differs: np.ndarray | None
    changed: float
    areas_before: dict[int, float]
    areas_after: dict[int, float]


class Results(QObject):
    """The last results in one viewer, for as long as their layers are there.

    Attributes
    ----------
    changed : Signal
        There is another one, or one less.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._refined: Refined | None = None
        self._uncertainty: Image | None = None
        self._visited: tuple[tuple[int, ...], ...] = ()
        follow(viewer.layers.events.removed, self._on_layers_removed)

    @property
    def refined(self) -> Refined | None:
        """The last refinement."""
        return self._refined

    @property
    def uncertainty(self) -> Image | None:
        """The layer of the last prediction's entropy."""
        return self._uncertainty

    @property
    def visited(self) -> tuple[tuple[int, ...], ...]:
        """Where somebody was led by it already."""
        return self._visited

    def note_visited(self, position: tuple[int, ...]) -> None:
        """Note that somebody was led there."""
        self._visited = (*self._visited, position)

    def keep_refined(self, refined: Refined | None) -> None:
        """Compare and clean up another refinement, or none."""
        self._refined = refined
        self.changed.emit()

    def keep_uncertainty(self, layer: Image | None) -> None:
        """Go where another layer is most uncertain, or nowhere."""
        self._uncertainty, self._visited = layer, ()
        self.changed.emit()

    def _on_layers_removed(self, event: object = None) -> None:
        layers = self._viewer.layers
        if self._refined is not None and self._refined.refined not in layers:
            self.keep_refined(None)
        if self._uncertainty is not None and self._uncertainty not in layers:
            self.keep_uncertainty(None)
