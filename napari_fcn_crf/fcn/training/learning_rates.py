"""Learning rates: each layer's share."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from napari_fcn_crf.backbones import CONVOLUTIONS
from napari_fcn_crf.fcn.heads.head import classifier_of, head_of
from napari_fcn_crf.fcn.layers.activations import activations
from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.settings import RANDOM, TrainingSettings

LARGEST_CHANGE = 100.0
"""Times the learning rate: what one step may change a layer's output by, relative to its size."""

SOLVED_RATE = 0.01
"""Of a classifier that was solved: it is where it should be, and what more it learns overfits."""


def shares(
    network: Any, variables: list[Any], image: Plane, settings: TrainingSettings
) -> tuple[float, ...]:
    """Return each variable's share of the learning rate; empty where all have all of it.

    Parameters
    ----------
    network : keras.Model
    variables : list of keras.Variable
        That are trained.
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`
        On the 0-255 scale.
    settings : TrainingSettings
        With random weights, nothing is known that a step could undo: all have all of it.

    Notes
    -----
    A step of Adam changes each weight by about the learning rate, whatever the gradient's size, and
    so an output by up to `rate * sum |x|` over the inputs `x` of a kernel. In a layer of 4096 units
    behind loud features that is a hundred times the output. The share is what keeps the change at
    `LARGEST_CHANGE` times the rate, relative to the output's root mean square, or to one where the
    layer is silent and its outputs are scores. The wider a layer, the smaller its share, as in the
    maximal update parametrisation.

    References
    ----------
    Yang et al., "Tensor Programs V: tuning large neural networks via zero-shot hyperparameter
    transfer", 2022, https://doi.org/10.48550/arXiv.2203.03466
    """
    if settings.starting_weights == RANDOM:
        return ()
    names = [variable.path.split("/") for variable in variables]
    fitted = _fitted(network, image, settings) if settings.rates == "fitted" else {}
    found = tuple(
        (settings.backbone_rate if layer in CONVOLUTIONS else 1.0) * fitted.get((layer, kind), 1.0)
        for layer, kind in names
    )
    return found if set(found) != {1.0} else ()


def _fitted(network: Any, image: Plane, settings: TrainingSettings) -> dict[tuple[str, str], float]:
    """Return the share of each kernel and bias of the trained convolutions."""
    layers = [
        layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D) and layer.trainable
    ]
    ends = [tensor for layer in layers for tensor in (layer.input, layer.output)]
    values = activations(network, ends, image)
    classifier = classifier_of(network) if head_of(network).is_solved(settings) else None
    solved = set() if classifier is None else {layer.name for layer in classifier.layers}
    found = {}
    for layer, inputs, outputs in zip(layers, values[::2], values[1::2], strict=True):
        size = float(np.sqrt(np.mean(np.square(outputs)))) or 1.0
        rows, columns, _, _ = layer.kernel.shape
        reach = rows * columns * float(np.abs(inputs).sum(axis=-1).mean())
        allowed = LARGEST_CHANGE * size * (SOLVED_RATE if layer.name in solved else 1)
        found[layer.name, "kernel"] = min(1.0, allowed / reach) if reach else 1.0
        found[layer.name, "bias"] = min(1.0, allowed)
    return found
