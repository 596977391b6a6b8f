"""Gradients that TensorFlow traced, and would keep for as long as the process lives, let go of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def forgotten() -> Iterator[None]:
    """Forget the gradients that are registered in the block, for which nobody asks later.

    Notes
    -----
    A function with a gradient of its own (`tf.custom_gradient`; Keras' optimizers use one to sum
    gradients over devices) registers it under a new name in each graph, and TensorFlow never
    removes it. It holds the whole graph of the training step: some 10 MB for each network that is
    trained. A step's gradients are taken while its graph is made.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    from tensorflow.python.framework import ops

    gradients = ops.gradient_registry._registry
    before = set(gradients)
    try:
        yield
    finally:
        for name in set(gradients) - before:
            del gradients[name]
