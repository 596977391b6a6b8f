"""Split objects: which are told apart, in what, and by which probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels

from napari_fcn_crf.data.objects import BORDER, OBJECT
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.results.frames import n_leading_axes, split_frames
from napari_fcn_crf.results.instances import Grown, split_instances
from napari_fcn_crf.results.large_instances import BLOCK_PX, no_object, split_large
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.ownership import is_ours, our_metadata

Index = tuple[Any, ...]


@dataclass(frozen=True)
class ToSplit:
    """Refined labels whose objects are told apart.

    Parameters
    ----------
    image : Image
    source : Labels
    value : int
        The class of the objects.
    border : int, optional
        The class of their borders, if the network has learnt it.
    planes : tuple of array
        How probable these classes are; empty where that is not known.
    axes : str
        Of the labels: objects go on from plane to plane, not from frame to frame.
    """

    image: Image
    source: Labels
    value: int
    border: int | None
    planes: tuple[Any, ...]
    axes: str

    @property
    def key(self) -> tuple[object, ...]:
        """What changes with the labels that it would be made of."""
        return id(self.source), id(self.source.data), self.value, self.border, *map(id, self.planes)

    def inside(self, index: Index) -> npt.NDArray[np.floating] | None:
        """Return how probable it is that a pixel of a region is of an object or its border."""
        if not self.planes:
            return None
        found: npt.NDArray[np.floating] = np.sum(
            [np.asarray(plane[index]) for plane in self.planes], axis=0
        )
        return found

    def grown(self, index: Index) -> Grown | None:
        """Return the objects of a plane, of any size; None if there are none."""
        labels = np.array(self.source.data[index])
        if not (labels == self.value).any():
            return None
        return Grown.of(labels, self.value, self.border, self.inside(index))

    def split(
        self, minimum_px: int | None, on_progress: OnProgress, should_stop: ShouldStop
    ) -> npt.NDArray[np.integer]:
        """Return the objects, numbered; those of large labels block by block."""
        labels = self.source.data
        whole = (slice(None),) * labels.ndim
        if n_leading_axes(self.axes):
            numbered = np.zeros(labels.shape, np.int32)
            n_objects = split_frames(
                Picture(labels, self.axes),
                self.value,
                minimum_px,
                self.border,
                self.inside(whole),
                out=numbered,
                on_progress=on_progress,
                should_stop=should_stop,
            )
            if not n_objects and not (labels == self.value).any():
                raise no_object(self.value)
            return numbered
        side = BLOCK_PX.get(labels.ndim, 0)
        if side and max(labels.shape) > 2 * side:
            found: npt.NDArray[np.integer] = split_large(
                labels,
                self.value,
                minimum_px,
                self.border,
                self.inside,
                on_progress=on_progress,
                should_stop=should_stop,
            )
            return found
        return split_instances(
            np.array(labels), self.value, minimum_px, self.border, self.inside(whole)
        )


def record_of_objects(value: int, name: str, colour: Any, minimum_px: int | None) -> dict[str, Any]:
    """Return what is noted on numbered objects: of which class they are, and the smallest."""
    return {
        "objects_of_label": value,
        "objects_called": name,
        "objects_colour": colour,
        "smallest_object_px": minimum_px,
    }


def to_split(session: Session, value: int) -> ToSplit:
    """Return what is told apart when the objects of a class are asked for.

    Of a network that has learnt borders, they are the objects inside these.

    Raises
    ------
    ValueError
        If there are no refined labels.
    """
    refined = session.results.refined
    if refined is None or refined.refined not in session.viewer.layers:
        raise ValueError("There is nothing to clean up yet. Press Refine first.")
    image, source = refined.image, refined.refined
    learnt = our_metadata(source).get("record", {}).get("prediction", {}).get("training", {})
    border = None
    if learnt.get("labels") == "objects-border":
        value, border = OBJECT, BORDER
    probabilities = [
        layer
        for layer in session.selection.sources
        if is_ours(layer)
        and our_metadata(layer)["kind"] == "probabilities"
        and our_metadata(layer)["image_id"] == str(image.unique_id)
        and value in our_metadata(layer)["class_values"]
    ]
    planes: tuple[Any, ...] = ()
    if probabilities and probabilities[0].data.shape[1:] == source.data.shape:
        # Objects and their borders together.
        values = our_metadata(probabilities[0])["class_values"]
        wanted = (value,) if border is None else (value, border)
        planes = tuple(probabilities[0].data[values.index(one)] for one in wanted if one in values)
    axes = session.selection.picture(image).spatial_axes
    return ToSplit(image, source, value, border, planes, axes)
