"""Segmenter: labels of an image that follow its strokes, for scripts and other front ends."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE, as_label_array, class_indices
from napari_fcn_crf.data.images import check_image, check_not_constant, check_size, planes
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import as_picture, check_same_shape
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.live.stroke_classifier import Solution, StrokeClassifier, Strokes
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.pipeline.plane_features import feature_extractor
from napari_fcn_crf.progress import OnProgress, ShouldStop
from napari_fcn_crf.results.most_probable import most_probable
from napari_fcn_crf.settings import CRFSettings, PredictionSettings, TrainingSettings

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.prediction.feature_planes import FeatureExtractor
    from napari_fcn_crf.live.live_plane import LivePlane

BUDGET_BYTES = 2**30
"""Features of planes beyond this are computed again when they are asked for."""

Index = tuple[int, ...]
Labels = npt.NDArray[np.integer]


class Segmenter:
    """Segments an image again and again while strokes are painted on it.

    The features of a plane are computed once, by the frozen backbone; with each `update` the linear
    classifier on them is solved anew, applied, and refined by the CRF on lattices that stay.

    Parameters
    ----------
    image : array or Picture
        Of an array, the first labels tell whether and where there are channels, as for `train`;
        stacks plane by plane.
    settings : TrainingSettings, optional
        Architecture, backbone, weights, class weights and what labels mean are used.
    crf : CRFSettings, optional
    axes : str, optional
        One letter an axis of the image, such as "cyx"; without it, `(rows, columns)`, with three or
        four channels behind them or not, is taken for one plane.
    on_progress : callable, optional
        Called with a `Progress` while features are computed.
    should_stop : callable, optional
        Asked before each tile of that, and between iterations of the CRF.

    Attributes
    ----------
    probabilities, marginals : array of float32, shape `(n_classes, *spatial)`
        Of the last update, before and after the CRF; zero in planes that were not asked for.

    Raises
    ------
    TypeError, ValueError
        If the image cannot be segmented, or the settings' head is not one that is solved in closed
        form on features of each pixel.

    Examples
    --------
    >>> segmenter = nfc.Segmenter(image)
    >>> labels[10:12, 20:60] = 1
    >>> labels[70:72, 20:60] = 2
    >>> refined = segmenter.update(labels)
    """

    def __init__(
        self,
        image: Any,
        settings: TrainingSettings | None = None,
        crf: CRFSettings | None = None,
        *,
        axes: str | None = None,
        on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> None:
        self.settings = replace(settings or TrainingSettings(), iterations=0)
        self.crf = crf or CRFSettings()
        picture = as_picture(image, axes)
        check_size(picture.spatial_shape)
        self._pixels = check_image(picture.channels_last())
        check_not_constant(self._pixels)
        self._picture = picture
        self._intensity = IntensityMapping.fit(self._pixels)
        self._on_progress, self._should_stop = on_progress, should_stop
        self._planes: OrderedDict[Index, LivePlane] = OrderedDict()
        self._labels: Labels | None = None
        self.probabilities = np.zeros((0, *self.spatial_shape), np.float32)
        self.marginals = self.probabilities

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """The image's shape without channels."""
        return self._picture.spatial_shape

    def update(self, labels: npt.ArrayLike, plane: Index | None = None) -> Labels:
        """Return the refined labels for all strokes there are now.

        Parameters
        ----------
        labels : array of int, shape `spatial`
            At least two classes; what 0 means is `settings.labels`.
        plane : tuple of int, optional
            Segment this plane of a stack alone; strokes of all planes count.

        Returns
        -------
        array of int, shape `spatial`, or `(rows, columns)` with `plane`
            Of the smallest type that holds the values.

        Raises
        ------
        TypeError, ValueError
            If there are not strokes of two classes, or labels of another shape.
        Cancelled
            If `should_stop` turned true.
        """
        given = as_label_array(labels)
        check_same_shape(self._picture, given.shape)
        given = given.reshape(self.spatial_shape)
        self._labels = given
        solution, indices = self._solve(given)
        wanted = list(planes(self.spatial_shape)) if plane is None else [plane]
        shape = (len(solution.class_values), *self.spatial_shape)
        if self.probabilities.shape != shape:
            self.probabilities, self.marginals = np.zeros((2, *shape), np.float32)
        for index in wanted:
            live = self._plane(index)
            found = live.segment(solution, self.crf, live.whole, indices[index], self._should_stop)
            part: Any = (slice(None), *index)
            self.probabilities[part], self.marginals[part] = found.probabilities, found.marginals
        whole: Any = (slice(None), *(plane or ()))
        values = as_label_values(solution.class_values)
        return most_probable(self.marginals[whole], values)

    @property
    def model(self) -> Model:
        """The network with the classifier of the last update, as `train` makes it.

        It can be saved, trained further, and used on other images.

        Raises
        ------
        ValueError
            If there was no update yet.
        """
        from napari_fcn_crf.pipeline.training import train

        if self._labels is None:
            raise InputError("A model needs strokes, but there were none. Call update() first.")
        return train(self._picture, self._labels, replace(self.settings, trust_labels=True))

    def _solve(self, labels: Labels) -> tuple[Solution, npt.NDArray[np.int32]]:
        from napari_fcn_crf.fcn.linear.pixels import MOST_PIXELS, choose_pixels
        from napari_fcn_crf.pipeline.training_input import annotated_counts

        counts = annotated_counts(labels, self.settings)
        values = tuple(counts)
        indices = class_indices(labels, values, self.settings.labels, self.settings.ignore_label)
        annotated = [
            index for index in planes(self.spatial_shape) if (indices[index] != IGNORE).any()
        ]
        rng = np.random.default_rng(self.settings.seed)
        most = MOST_PIXELS // len(annotated)
        strokes: list[Strokes] = []
        for index in annotated:
            chosen = choose_pixels(indices[index], most, rng)
            strokes.append(self._plane(index).strokes(indices[index], chosen))
        return self._classifier.solve(strokes, values), indices

    def _plane(self, index: Index) -> LivePlane:
        """Return a plane with its features, computed if they are not there."""
        if index in self._planes:
            self._planes.move_to_end(index)
            return self._planes[index]
        from napari_fcn_crf.live.live_plane import LivePlane

        image = self._intensity.apply(self._pixels[index])
        values = np.empty((*image.shape[:2], self._extractor.width), np.uint16)
        columns, moments = self._extractor.columns(
            image,
            values,
            PredictionSettings().tile_px,
            on_progress=self._on_progress,
            should_stop=self._should_stop,
        )
        self._planes[index] = LivePlane(image, columns, moments)
        while len(self._planes) > 1 and self._nbytes > BUDGET_BYTES:
            self._planes.popitem(last=False)
        return self._planes[index]

    @property
    def _nbytes(self) -> int:
        return sum(plane.nbytes for plane in self._planes.values())

    @cached_property
    def _extractor(self) -> FeatureExtractor:
        return feature_extractor(self.settings, self._picture.channels)

    @cached_property
    def _classifier(self) -> StrokeClassifier:
        return StrokeClassifier(self._extractor.kept, self.settings.class_weights)
