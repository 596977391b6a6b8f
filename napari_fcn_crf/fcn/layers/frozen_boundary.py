"""Frozen backbone, and the boundary between it and what is trained on top of it."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.backbones import CONVOLUTIONS


def freeze_backbone(network: Any, frozen: bool) -> None:
    """Leave the thirteen convolutions out of the training, or let them in again."""
    for layer in network.layers:
        if layer.name in CONVOLUTIONS:
            layer.trainable = not frozen


def frozen_boundary(network: Any) -> list[Any]:
    """Return the tensors that training does not change, and that what it changes is made from.

    Parameters
    ----------
    network : keras.Model
        With a frozen backbone; its layers stand in the order of the computation.
    """
    frozen: set[int] = set()
    boundary: list[Any] = []
    for layer in network.layers:
        inputs = [] if isinstance(layer, keras.layers.InputLayer) else as_list(layer.input)
        changes = layer.trainable_weights or isinstance(layer, keras.layers.Dropout)
        if not changes and all(id(tensor) in frozen for tensor in inputs):
            frozen.update(id(tensor) for tensor in as_list(layer.output))
            continue
        known = {id(tensor) for tensor in boundary}
        boundary += [
            tensor for tensor in inputs if id(tensor) in frozen and id(tensor) not in known
        ]
    return boundary


def as_list(tensors: Any) -> list[Any]:
    """Return one tensor, or a list of them, as a list."""
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]
