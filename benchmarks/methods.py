"""Ways to get from an image and strokes to class probabilities."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.pipeline import prediction, training
from napari_fcn_crf.settings import PredictionSettings, TrainingSettings

Probabilities = npt.NDArray[np.float32]
Method = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.int32]], Probabilities]
"""From image and class indices (`IGNORE` off the strokes) to `(n_classes, rows, columns)`."""


def forest(image: npt.NDArray[np.uint8], strokes: npt.NDArray[np.int32]) -> Probabilities:
    """scikit-image's trainable segmentation with its defaults.

    Multiscale intensities, edges and textures, and a random forest of a hundred trees.
    """
    from skimage.feature import multiscale_basic_features
    from sklearn.ensemble import RandomForestClassifier

    channel_axis = -1 if image.ndim == 3 else None
    features = multiscale_basic_features(image, channel_axis=channel_axis)
    painted = strokes != IGNORE
    classifier = RandomForestClassifier(n_estimators=100, n_jobs=2, random_state=0)
    classifier.fit(features[painted], strokes[painted])
    flat = classifier.predict_proba(features.reshape(-1, features.shape[-1]))
    return np.ascontiguousarray(flat.reshape(*strokes.shape, -1).transpose(2, 0, 1), np.float32)


def network(settings: TrainingSettings) -> Method:
    """Return the method that trains and predicts as the plugin does."""

    def run(image: npt.NDArray[np.uint8], strokes: npt.NDArray[np.int32]) -> Probabilities:
        model = training.train(image, strokes + 1, settings)
        return prediction.predict(model, image)

    return run


def solved(settings: TrainingSettings) -> Method:
    """Return the method that solves a network's last layer and takes no step after it."""

    def run(image: npt.NDArray[np.uint8], strokes: npt.NDArray[np.int32]) -> Probabilities:
        from napari_fcn_crf.fcn.batches.example import Example
        from napari_fcn_crf.fcn.network import build_network
        from napari_fcn_crf.fcn.prediction.tiles import predict_plane
        from napari_fcn_crf.fcn.training.last_layer import solve_last_layer
        from napari_fcn_crf.fcn.training.loss import balancing_factors
        from napari_fcn_crf.fcn.training.surroundings import surroundings

        pixels = np.atleast_3d(image).astype(np.float32)
        counts = np.bincount(strokes[strokes != IGNORE])
        built, _ = build_network(settings, pixels.shape[2], len(counts))
        factors = balancing_factors(counts, settings.class_weights)
        around = surroundings(built, [Example(pixels, strokes)])
        solve_last_layer(built, around, factors, settings.seed, lambda done, total: None)
        return predict_plane(built, pixels, PredictionSettings())

    return run
