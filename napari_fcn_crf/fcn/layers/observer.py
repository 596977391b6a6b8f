"""Observer: what some of a network's tensors are for an image, traced once for each network."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import keras

from napari_fcn_crf.fcn.layers.upsampling import let_upsampling_take_any_size


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


def prepare_for_any_size(network: Any) -> None:
    """Make a network ready for `predict_on_batch` of images of any size.

    TensorFlow traces it once, and not again for each size: that takes half a second, and what is
    traced for one size takes more memory.
    """
    # Keras would compile with XLA for every new shape of a network it has just loaded.
    network.jit_compile = False
    if network.predict_function is not None or keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    let_upsampling_take_any_size(network)
    images = tf.TensorSpec((None, None, None, network.input_shape[-1]), tf.float32)
    network.make_predict_function()
    traced: Any = network.predict_function
    traced.get_concrete_function([(images,)])


_observers: WeakKeyDictionary[Any, dict[tuple[int, ...], Any]] = WeakKeyDictionary()
