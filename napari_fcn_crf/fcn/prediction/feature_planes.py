"""Features of a whole plane that its classifier is linear in, kept to be scored again and again."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.heads.head import classifier_of, find_head, head_of
from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.linear.columns import Columns, ColumnsWriter
from napari_fcn_crf.fcn.linear.moments import Kept, Moments
from napari_fcn_crf.fcn.prediction.tiles import tile_margin, values_by_tile
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.progress import OnProgress, ShouldStop


class FeatureExtractor:
    """Computes the features in front of a network's classifier.

    Parameters
    ----------
    network : keras.Model
        Whose head keeps features of its own for every pixel: see `normalisation` of `Classifier`.

    Raises
    ------
    ValueError
        If its head is another one.
    """

    def __init__(self, network: Any) -> None:
        classifier = classifier_of(network)
        if classifier is None or classifier.normalisation is None:
            title = head_of(network).title
            raise InputError(
                "Labels that follow the brush need a network that is solved at once on features of "
                f"every pixel, but {title} on these weights is not. Choose "
                f"{find_head('hypercolumn').title} with the weights that come with the plugin."
            )
        self._normalisation = classifier.normalisation
        self._extractor = keras.Model(network.input, self._normalisation.input)
        self._network = network
        self._sharpness = classifier.sharpness

    @property
    def width(self) -> int:
        """Features of a pixel."""
        return int(self._normalisation.input.shape[-1])

    @property
    def kept(self) -> Kept:
        """How the features are standardised and scored."""
        gain = keras.ops.convert_to_numpy(self._normalisation.gamma)
        return Kept(gain, float(self._normalisation.epsilon), self._sharpness)

    def columns(
        self,
        image: Plane,
        values: npt.NDArray[np.uint16],
        tile_px: int,
        *,
        on_progress: OnProgress | None = None,
        should_stop: ShouldStop | None = None,
    ) -> tuple[Columns, Moments]:
        """Write a plane's features into an array, and return them with their moments.

        Parameters
        ----------
        image : array of float32 or MappedImage, shape `(rows, columns, channels)`
            On the 0-255 scale.
        values : array of uint16, shape `(rows, columns, width)`
        tile_px : int
            Planes with a longer side are computed in tiles of this side.

        Raises
        ------
        Cancelled
            If `should_stop` turned true before a tile.
        """
        writer, moments = ColumnsWriter(values), Moments(self.width)
        margin = tile_margin(self._network, tile_px)
        for features, place in values_by_tile(
            self._extractor, image, tile_px, margin, on_progress, should_stop
        ):
            writer.write(place, features)
            moments.add(features)
        return writer.columns(), moments
