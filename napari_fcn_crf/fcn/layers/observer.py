"""Observer: what some of a network's tensors are for an image, traced once for each network."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import keras

from napari_fcn_crf.fcn.layers.upsampling import is_traced_for_one_size


def observer_of(network: Any, tensors: list[Any]) -> Any:
    """Return a model from a network's images to some of its tensors; the same one each time.

    Tracing it takes as long as computing it for a small image.

    Parameters
    ----------
    network : keras.Model
    tensors : list of KerasTensor
        Of the network.
    """
    kept = _observers.setdefault(network, {})
    # The model keeps its tensors, so none of another network has their numbers.
    key = tuple(map(id, tensors))
    if key not in kept:
        kept[key] = keras.Model(network.input, tensors)
    return kept[key]


def prepare_for(network: Any, shape: tuple[int, ...]) -> None:
    """Make a network ready for `predict_on_batch` of images `(rows, columns, channels)`."""
    # Keras would compile with XLA for every new shape of a network it has just loaded.
    network.jit_compile = False
    if is_traced_for_one_size(network) and _traced.get(network) != shape:
        network.predict_function = None
        _traced[network] = shape


_observers: WeakKeyDictionary[Any, dict[tuple[int, ...], Any]] = WeakKeyDictionary()

_traced: WeakKeyDictionary[Any, tuple[int, ...]] = WeakKeyDictionary()
"""Shape of the images that each network was last asked for."""
