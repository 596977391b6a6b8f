"""Names of napari's sliders: what an image's axes are taken for, where nobody has named them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_fcn_crf.ui.viewer.axes import axes_of
from napari_fcn_crf.ui.viewer.class_axis import is_class_axis_shown
from napari_fcn_crf.ui.viewer.layers import CLASS_AXIS

if TYPE_CHECKING:
    from napari.viewer import Viewer

_NAMES = {"z": "z", "t": "time", "c": "channel"}


class SliderNames:
    """Names the sliders of one viewer, and renames but those that it has named.

    napari calls an axis that no layer names by its number, from the last one, which is -1. A layer
    of the person's is left as it is: the name is the slider's alone, and a double click on it
    changes it.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._given: dict[int, str] = {}

    def show(self, image: Image) -> None:
        """Name the sliders of an image's axes."""
        labels = list(self._viewer.dims.axis_labels)
        are_classes_shown = is_class_axis_shown(self._viewer)
        for at, letter in enumerate(axes_of(image)[: image.ndim], -image.ndim):
            if -at > len(labels) or letter not in _NAMES:
                continue
            name = _NAMES[letter]
            if -at == len(labels) and are_classes_shown:
                # Channels lie there, too, and classes are what the slider goes through.
                name = CLASS_AXIS
            # Of hidden probabilities as well, napari takes the name.
            if labels[at] in (str(at), self._given.get(at), CLASS_AXIS):
                labels[at] = self._given[at] = name
        if tuple(labels) != self._viewer.dims.axis_labels:
            self._viewer.dims.axis_labels = tuple(labels)
