"""Surroundings of the annotated pixels: as much of each plane as a network looks at there."""

from __future__ import annotations

from typing import Any

from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import Patches, around_strokes
from napari_fcn_crf.fcn.layers.upsampling import is_traced_for_one_size
from napari_fcn_crf.fcn.prediction.receptive_field import halo_px


def surroundings(network: Any, examples: list[Example]) -> list[Patches]:
    """Return the patches of each example that training this network needs, and no more.

    Parameters
    ----------
    network : keras.Model
    examples : list of Example
    """
    return around_strokes(examples, halo_px(network), one_size=is_traced_for_one_size(network))
