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
from napari_fcn_crf.data.picture import as_picture
from napari_fcn_crf.pipeline import restriction
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer import layers
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
    index : tuple of int
        Of the slice to refine; empty for everything.
    """

    image: Image
    index: tuple[int, ...]
    spacing: tuple[float, ...] | None
    record: dict[str, Any]
    options: RefinementOptions
    _pixels: Any
    _sources: tuple[Any, ...]
    _is_labels: bool
    _noted_values: tuple[int, ...] | None
    _annotation: Any
    _region: Shapes | None = field(repr=False)

    def has_whole_of(self, other: RefinementInput | None) -> bool:
        """Whether `whole` gives what it gives for another input."""
        if other is None or self._is_labels or other._is_labels:
            return False  # labels are painted on, and are the same array still
        ours, theirs = ((one.image, one._pixels, *one._sources) for one in (self, other))
        return len(ours) == len(theirs) and all(map(operator.is_, ours, theirs))

    def whole(self) -> Whole:
        """Read image and source, and bring the image to the CRF's scale.

        Raises
        ------
        ValueError, TypeError
            If image and source do not fit; the message says how.
        """
        pixels = check_image(self._pixels)
        spatial_shape = pixels.shape[: self.image.ndim]
        channels_last = as_picture(pixels, spatial_shape=spatial_shape).channels_last()
        probabilities, values = self._probabilities(spatial_shape)
        return Whole(
            pixels, channels_last, IntensityMapping.fit(channels_last), probabilities, values
        )

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
        if self._annotation is not None and self._annotation.shape == whole.image.shape[:-1]:
            annotated = class_indices(self._annotation[self.index], whole.values, "scribbles")
        part: Any = (slice(None), *self.index)
        return Arrays(
            pixels=whole.pixels[self.index],
            image=whole.image[self.index],
            intensity=whole.intensity,
            probabilities=whole.probabilities[part],
            whole=whole.probabilities,
            values=as_label_values(whole.values),
            annotated=annotated,
        )

    def restrict(self, before: np.ndarray, after: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return `after` where the options let it change `before`."""
        if self._region is not None:
            where = self._region.to_masks(mask_shape=before.shape[-2:]).any(axis=0)
            after = restriction.keep_outside(before, after, where)
        only = self.options.only_value
        if only is not None and only in values:
            after = restriction.only_class(before, after, int(np.flatnonzero(values == only)[0]))
        return after

    def _probabilities(self, spatial_shape: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
        arrays = [np.asarray(source) for source in self._sources]
        if self._is_labels:
            if arrays[0].shape != spatial_shape:
                raise ValueError(
                    f"The labels' shape is {arrays[0].shape}, but the image's is {spatial_shape}. "
                    "Choose labels that were made for this image."
                )
            return probability_sources.from_labels(
                arrays[0], self.options.confidence, self.options.zero
            )
        if len(arrays) > 1 or arrays[0].ndim == len(spatial_shape):
            probabilities = probability_sources.from_single_classes(arrays)
        else:
            probabilities = probability_sources.class_axis_first(arrays[0], spatial_shape)
        # Classes of another tool are numbered from 1, so that each shows a colour.
        values = self._noted_values or tuple(range(1, len(probabilities) + 1))
        return probabilities, values


@dataclass(frozen=True)
class Whole:
    """Image and probabilities of a whole layer; of a stack, every slice is mapped alike.

    Parameters
    ----------
    pixels : array
        As the layer has it.
    image : array, shape `(*spatial, channels)`
        The same without its alpha.
    intensity : IntensityMapping
        Of `image` onto the 0-255 scale.
    probabilities : array of float32, shape `(n_classes, *spatial)`
    values : tuple of int
        Label value of each class.
    """

    pixels: np.ndarray
    image: np.ndarray
    intensity: IntensityMapping
    probabilities: np.ndarray
    values: tuple[int, ...]


@dataclass(frozen=True)
class Arrays:
    """A refinement's arrays.

    Parameters
    ----------
    pixels : array
        Of the slice or of everything, as the layer has it.
    image : array, shape `(*spatial, channels)`
        The same without its alpha.
    intensity : IntensityMapping
        Of `image` onto the 0-255 scale, the same for every slice.
    probabilities, whole : arrays of float32, class axis first
        Of the slice or of everything; and of everything.
    values : array of int
        Label value of each class.
    annotated : array of int, optional
        Class index of annotated pixels, or -1.
    """

    pixels: np.ndarray
    image: np.ndarray
    intensity: IntensityMapping
    probabilities: np.ndarray
    whole: np.ndarray
    values: np.ndarray
    annotated: np.ndarray | None

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
    annotation = None
    if options.keep_annotated and selection.label_mode == "scribbles" and selection.annotation:
        annotation = layers.layer_array(selection.annotation)
    return RefinementInput(
        image=image,
        index=layers.shown_index(session.viewer, image) if options.extent == "slice" else (),
        spacing=tuple(image.scale) if options.extent == "volume" and image.ndim == 3 else None,
        record=noted.get("record", {}),
        options=options,
        _pixels=layers.layer_array(image),
        _sources=tuple(layers.layer_array(layer) for layer in chosen),
        _is_labels=isinstance(chosen[0], Labels),
        _noted_values=noted.get("class_values"),
        _annotation=annotation,
        _region=_outlines(options.within),
    )


def _outlines(shapes: Shapes | None) -> Shapes | None:
    """Return a copy of a layer's shapes: to fill them takes a thread, while people draw on."""
    if shapes is None:
        return None
    if not shapes.nshapes:
        raise ValueError(
            f"'{shapes.name}' has no shape in it yet. Draw around the region to refine, or choose "
            "the whole image."
        )
    return Shapes(shapes.data, shape_type=shapes.shape_type, edge_width=shapes.edge_width)


def can_be_source(layer: Layer) -> bool:
    """Whether a layer may hold what the CRF starts from."""
    is_kind = layers.is_probabilities(layer) or isinstance(layer, Labels)
    return is_kind and not is_preview(layer)
