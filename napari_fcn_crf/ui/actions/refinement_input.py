"""Input of the CRF: gathered from layers on the main thread, read in the work's own."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes

from napari_fcn_crf.data import probability_sources
from napari_fcn_crf.data.annotations import class_indices
from napari_fcn_crf.data.images import check_image
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import Picture, by, same_spatial_shape
from napari_fcn_crf.data.probability_scale import on_unit_scale
from napari_fcn_crf.pipeline import restriction
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer import layers
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.growing_layers import is_large
from napari_fcn_crf.ui.viewer.layer_picture import (
    Part,
    check_same_place,
    check_source_place,
    region_outlines,
    shown_part,
    volume_spacing,
)
from napari_fcn_crf.ui.viewer.live_layer import is_live
from napari_fcn_crf.ui.viewer.ownership import our_metadata
from napari_fcn_crf.ui.viewer.preview_layers import is_preview

Extent = Literal["slice", "stack", "volume"]


@dataclass(frozen=True)
class RefinementOptions:
    """What a refinement may change.

    Parameters
    ----------
    keep_annotated : bool
        Annotated pixels stay what the user painted.
    within : Shapes, optional
        Only pixels inside these shapes change.
    only_value : int, optional
        Only pixels that enter or leave this class change.
    extent : {"slice", "stack", "volume"}
        Of a stack: the slice shown, all slices one by one, or the volume as one.
    confidence : float
        How far a labels layer is trusted, where that is the source.
    zero : {"unknown", "background"}
        What 0 means there.
    """

    keep_annotated: bool = True
    within: Shapes | None = None
    only_value: int | None = None
    extent: Extent = "stack"
    confidence: float = 0.7
    zero: probability_sources.Zero = "unknown"


@dataclass(frozen=True)
class RefinementInput:
    """Everything a refinement needs, told by the layers on the main thread, read in another.

    Parameters
    ----------
    image : Image
        Where the result belongs.
    picture : Picture
        What it is taken for.
    index : tuple of int or slice
        Of the slice to refine, along the axes other than channels; empty for everything.
    note : str
        A sentence on what is left out; empty if nothing is.
    """

    image: Image
    picture: Picture
    index: Part
    spacing: tuple[float, ...] | None
    record: dict[str, object]
    options: RefinementOptions
    note: str
    _sources: tuple[Any, ...]
    _is_labels: bool
    _noted_values: tuple[int, ...] | None
    _annotation: Any
    _region: tuple[np.ndarray, ...] | None = field(repr=False)
    _is_partial: bool = False

    @property
    def is_large(self) -> bool:
        """Whether it is refined block by block."""
        return is_large(self.image, self.picture)

    @property
    def is_lazy(self) -> bool:
        """Whether the source is a prediction of ours that is not all there, or not in memory."""
        is_ours = self._noted_values is not None and not self._is_labels
        return is_ours and (self.is_large or self._is_partial)

    @property
    def strokes(self) -> Any:
        """What is painted and stays, of the picture's shape, lazy or not; or None."""
        painted, shape = self._annotation, self.picture.spatial_shape
        is_as_it_is = painted is None or tuple(painted.shape) == shape
        return painted if is_as_it_is else painted.reshape(shape)

    @property
    def noted_values(self) -> tuple[int, ...] | None:
        """Label value of each class, if it is noted on the source."""
        return self._noted_values

    def has_whole_of(self, other: RefinementInput | None) -> bool:
        """Whether `whole` gives what it gives for another input."""
        if other is None or self._is_labels or other._is_labels:
            return False  # labels are painted on, and are the same array still
        ours, theirs = ((one.image, one.picture.array, *one._sources) for one in (self, other))
        return len(ours) == len(theirs) and all(map(operator.is_, ours, theirs))

    def whole(self) -> Whole:
        """Read image and source, and bring the image to the CRF's scale.

        Raises
        ------
        ValueError, TypeError
            If image and source do not fit; the message says how.
        """
        if self._is_partial:
            raise ValueError(
                f"Not all of '{self.picture.name}' is predicted yet, but this needs it. Press "
                "Predict, for the whole image."
            )
        if self.is_large:
            raise ValueError(
                f"'{self.picture.name}' is too large to be held in memory at once, which this "
                "needs. Crop it first; Predict and Refine do without."
            )
        image = check_image(self.picture.channels_last())
        mapping = IntensityMapping.fit(image)
        probabilities, values, note = self._probabilities(self.picture.spatial_shape)
        return Whole(mapping.without_nan(image), mapping, probabilities, values, note)

    def arrays(self, whole: Whole | None = None) -> Arrays:
        """Return the arrays of the slice to refine, or of everything.

        Parameters
        ----------
        whole : Whole, optional
            What `whole` has given; read if it is not.

        Raises
        ------
        ValueError, TypeError
            If image and source do not fit; the message says how.
        """
        whole = whole or self.whole()
        annotated = None
        if self._annotation is not None:
            strokes = np.asarray(self._annotation).reshape(self.picture.spatial_shape)
            annotated = class_indices(strokes[self.index], whole.values, "scribbles")
        part: Any = (slice(None), *self.index)
        return Arrays(
            image=whole.image[self.index],
            intensity=whole.intensity,
            probabilities=whole.probabilities[part],
            whole=whole.probabilities,
            values=as_label_values(whole.values),
            annotated=annotated,
            note=" ".join(filter(None, (self.note, whole.note))),
        )

    def restrict(self, before: np.ndarray, after: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return `after` where the options let it change `before`."""
        if self._region is not None:
            where = restriction.region_mask(self._region, self.picture.spatial_shape)
            after = restriction.keep_outside(before, after, where[self.index])
        only = self.options.only_value
        if only is not None and only in values:
            after = restriction.only_class(before, after, int(np.flatnonzero(values == only)[0]))
        return after

    def _probabilities(
        self, spatial_shape: tuple[int, ...]
    ) -> tuple[np.ndarray, tuple[int, ...], str]:
        arrays = [np.asarray(source) for source in self._sources]
        if self._is_labels:
            return *probability_sources.from_labels(
                arrays[0].reshape(spatial_shape), self.options.confidence, self.options.zero
            ), ""
        if len(arrays) > 1 or arrays[0].ndim == len(spatial_shape):
            probabilities = probability_sources.from_single_classes(arrays)
        else:
            probabilities = probability_sources.class_axis_first(arrays[0], spatial_shape)
        # They were scaled on the way, and that is to be said.
        note = next(filter(None, (on_unit_scale(array)[1] for array in arrays)), "")
        # Classes of another tool are numbered from 1, so that each shows a colour.
        values = self._noted_values or tuple(range(1, len(probabilities) + 1))
        return probabilities, values, note


@dataclass(frozen=True)
class Whole:
    """Image and probabilities of a whole layer; of a stack, every slice is mapped alike.

    Parameters
    ----------
    image : array, shape `(*spatial, channels)`
    intensity : IntensityMapping
        Of `image` onto the 0-255 scale.
    probabilities : array of float32, shape `(n_classes, *spatial)`
    values : tuple of int
        Label value of each class.
    note : str
        A sentence on what was done to the probabilities; empty if nothing was.
    """

    image: np.ndarray
    intensity: IntensityMapping
    probabilities: np.ndarray
    values: tuple[int, ...]
    note: str = ""


@dataclass(frozen=True)
class Arrays:
    """A refinement's arrays.

    Parameters
    ----------
    image : array, shape `(*spatial, channels)`
        Of the slice or of everything.
    intensity : IntensityMapping
        Of `image` onto the 0-255 scale, the same for every slice.
    probabilities, whole : arrays of float32, class axis first
        Of the slice or of everything; and of everything.
    values : array of int
        Label value of each class.
    annotated : array of int, optional
        Class index of annotated pixels, or -1.
    note : str
        As of `Whole`.
    """

    image: np.ndarray
    intensity: IntensityMapping
    probabilities: np.ndarray
    whole: np.ndarray
    values: np.ndarray
    annotated: np.ndarray | None
    note: str = ""

    def mapped(self) -> np.ndarray:
        """Return the image on the 0-255 scale, float32."""
        return self.intensity.apply(self.image)


def gather(session: Session, options: RefinementOptions) -> RefinementInput:
    """Read what a refinement needs from the session's layers.

    Raises
    ------
    ValueError
        If something is missing; the message says what to do.
    """
    selection = session.selection
    image, chosen = selection.require_image(), selection.sources
    if not chosen:
        raise ValueError(
            "Refining needs a probability layer, but none is chosen. Press Predict first, or "
            "choose one."
        )
    noted = our_metadata(chosen[0])
    picture = selection.picture()
    for source in chosen:
        selection.require_own(source, image)
        check = check_same_place if isinstance(source, Labels) else check_source_place
        check(picture, source)
    annotation, note = None, ""
    strokes = selection.annotation
    if options.keep_annotated and session.meaning.mode == "scribbles" and strokes is not None:
        shape = tuple(layer_array(strokes).shape)
        if same_spatial_shape(picture.spatial_shape, shape):
            _check_strokes(session, image, picture, strokes)
            annotation = layer_array(strokes)
        else:
            note = (
                f"What is painted on '{strokes.name}' is left out: it is {by(shape)}, and "
                f"'{image.name}' is {by(picture.spatial_shape)}."
            )
    growing = session.growing.of(chosen[0])
    spacing, told = None, ""
    if options.extent == "volume" and len(picture.spatial_shape) == 3:
        spacing, told = volume_spacing(image, picture)
    return RefinementInput(
        image=image,
        picture=picture,
        index=shown_part(session.viewer, image, picture) if options.extent == "slice" else (),
        spacing=spacing,
        record=noted.get("record", {}),
        options=options,
        _sources=tuple(layer_array(layer) for layer in chosen),
        _is_labels=isinstance(chosen[0], Labels),
        _noted_values=noted.get("class_values"),
        note=" ".join(filter(None, (note, told))),
        _annotation=annotation,
        _is_partial=growing is not None and not growing.content.blocks.is_whole,
        _region=None if options.within is None else region_outlines(options.within, image),
    )


def _check_strokes(session: Session, image: Image, picture: Picture, strokes: Labels) -> None:
    """Refuse strokes of another image, or that lie elsewhere."""
    try:
        session.selection.require_own(strokes, image)
        check_same_place(picture, strokes)
    except ValueError as error:
        raise ValueError(
            f"{error} Or untick Keep what I painted (Restrict), which leaves them out."
        ) from error


def can_be_source(layer: Layer) -> bool:
    """Whether a layer may hold what the CRF starts from."""
    is_kind = layers.is_probabilities(layer) or isinstance(layer, Labels)
    return is_kind and not is_preview(layer) and not is_live(layer)
