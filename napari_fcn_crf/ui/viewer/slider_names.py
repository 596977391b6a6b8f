"""Names of napari's sliders: what an image's axes are taken for, where nobody has named them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_fcn_crf.ui.viewer.axes import axes_of

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
        for at, letter in enumerate(axes_of(image)[: image.ndim], -image.ndim):
            is_free = -at <= len(labels) and labels[at] in (str(at), self._given.get(at))
            if is_free and letter in _NAMES:
                labels[at] = self._given[at] = _NAMES[letter]
        if tuple(labels) != self._viewer.dims.axis_labels:
            self._viewer.dims.axis_labels = tuple(labels)
