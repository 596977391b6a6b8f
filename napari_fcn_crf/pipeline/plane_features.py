"""Plane features: the network that computes what labels that follow the brush are scored by.

Keras is imported when it is needed, not with this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fcn_crf.settings import TrainingSettings

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.prediction.feature_planes import FeatureExtractor


def feature_extractor(settings: TrainingSettings, channels: int) -> FeatureExtractor:
    """Build the network of some settings as one that computes features.

    Parameters
    ----------
    settings : TrainingSettings
        Its architecture, backbone, weights and seed are used.
    channels : int
        Of the images.

    Raises
    ------
    ValueError
        If the head is not one that is solved in closed form on features of each pixel.
    """
    from napari_fcn_crf.fcn.network import build_network
    from napari_fcn_crf.fcn.prediction.feature_planes import FeatureExtractor

    network, _ = build_network(settings, channels, 2)
    return FeatureExtractor(network)
