"""TensorFlow's kernel does what Keras' Adam does."""

from __future__ import annotations

import keras
import numpy as np

from napari_fcn_crf.fcn.optimizer.fused_adam import FusedAdam
from napari_fcn_crf.fcn.optimizer.recording_adam import AdamWithGradients


def test_it_is_keras_adam_up_to_rounding() -> None:
    generator = np.random.default_rng(0)
    start = [generator.normal(size=shape).astype(np.float32) for shape in ((3, 3, 8, 4), (4,))]
    kinds = (keras.optimizers.Adam, FusedAdam, AdamWithGradients)
    variables = {
        kind: [keras.Variable(array, name=f"w{number}") for number, array in enumerate(start)]
        for kind in kinds
    }
    optimizers = {kind: kind(0.01, name="adam") for kind in kinds}
    for kind, optimizer in optimizers.items():
        optimizer.build(variables[kind])
    for step in range(20):
        gradients = [
            generator.normal(scale=10.0 ** -(step % 5), size=array.shape).astype(np.float32)
            for array in start
        ]
        for kind, optimizer in optimizers.items():
            tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
            optimizer.apply(tensors, variables[kind])
    expected = optimizers[keras.optimizers.Adam]
    assert np.abs(np.asarray(variables[FusedAdam][0]) - start[0]).mean() > 0.01
    for kind in (FusedAdam, AdamWithGradients):
        for mine, theirs in zip(variables[kind], variables[keras.optimizers.Adam], strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-6)
        # By the same names, so that a state that either wrote continues with either.
        found = {variable.path: variable for variable in optimizers[kind].variables}
        for variable in expected.variables:
            np.testing.assert_allclose(found[variable.path], variable, rtol=1e-5, atol=1e-7)
    kept = [gradient for _, gradient in optimizers[AdamWithGradients].gradients()]
    for gradient, last in zip(kept, gradients, strict=True):
        np.testing.assert_array_equal(gradient, last)


def test_shares_are_of_the_learning_rate() -> None:
    start = np.linspace(-1, 1, 6, dtype=np.float32)
    variables = [keras.Variable(start, name=f"w{number}") for number in range(2)]
    optimizer = FusedAdam(0.01, name="adam")
    optimizer.shares = (0.1, 1.0)
    optimizer.build(variables)
    for _ in range(3):
        optimizer.apply([keras.ops.ones(6)] * 2, variables)
    slow, fast = (np.asarray(variable) - start for variable in variables)
    np.testing.assert_allclose(fast, -0.03, rtol=1e-3)
    np.testing.assert_allclose(slow, -0.003, rtol=1e-3)
