"""Layers of the pretext task: features at single pixels, and a head that fits itself to strokes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


class AtPoints(keras.layers.Layer):
    """Interpolate features `(batch, rows, columns, channels)` bilinearly at pixels of the image.

    Parameters
    ----------
    stride : int
        Image pixels per feature; the same geometry as `keras.layers.UpSampling2D`.
    """

    def __init__(self, stride: int, **options: Any) -> None:
        super().__init__(**options)
        self.stride = stride

    def call(self, features: Any, points: Any) -> Any:
        """Return features `(batch, points, 1, channels)`."""
        batch = ops.shape(features)[0]
        rows, columns, channels = features.shape[1:]
        flat = ops.reshape(features, (-1, channels))
        start = ops.expand_dims(ops.arange(batch, dtype="int32") * (rows * columns), 1)
        place = (ops.cast(points, "float32") + 0.5) / self.stride - 0.5
        limits = np.array([rows - 1, columns - 1], np.float32)
        place = ops.clip(place, 0.0, limits)
        low = ops.floor(place)
        share = place - low
        low = ops.cast(low, "int32")
        high = ops.minimum(low + 1, limits.astype(np.int32))
        total = 0.0
        for row, row_share in ((low[..., 0], 1 - share[..., 0]), (high[..., 0], share[..., 0])):
            for column, column_share in (
                (low[..., 1], 1 - share[..., 1]),
                (high[..., 1], share[..., 1]),
            ):
                corner = ops.take(flat, start + row * columns + column, axis=0)
                total = total + corner * ops.expand_dims(row_share * column_share, -1)
                if self.stride == 1:
                    return ops.expand_dims(corner, 2)
        return ops.expand_dims(total, 2)


class RidgeHead(keras.layers.Layer):
    """Fit a linear classifier to the strokes in closed form and apply it to the questions.

    Parameters
    ----------
    support : int
        How many of the points, the first ones, are on strokes.

    Notes
    -----
    Features are standardised over the questions that are drawn evenly from the image, times a
    learnt gain. With stroke features `S`, weights `w`, and one-hot classes `Y` less their mean, the
    coefficients `(S' diag(w) S + λ I)^-1 S' diag(w) Y` are differentiable in `S`, so the features
    learn to be told apart from few strokes.

    References
    ----------
    Bertinetto, Henriques, Torr and Vedaldi, "Meta-learning with differentiable closed-form
    solvers", ICLR 2019, https://doi.org/10.48550/arXiv.1805.08136
    """

    def __init__(self, support: int, **options: Any) -> None:
        super().__init__(**options)
        self.support = support

    def build(self, features_shape: Any, targets_shape: Any) -> None:
        """Make the gain of each feature, the penalty and the scale of the logits."""
        constant = keras.initializers.Constant
        self.gain = self.add_weight(shape=(features_shape[-1],), initializer="ones", name="gain")
        self.log_penalty = self.add_weight(shape=(), initializer=constant(-2.3), name="log_penalty")
        self.log_scale = self.add_weight(shape=(), initializer=constant(1.6), name="log_scale")

    def call(self, features: Any, targets: Any) -> Any:
        """Return the logits `(batch, queries, classes)` of the questions."""
        features = ops.squeeze(features, 2)
        width = features.shape[-1]
        questions = features[:, self.support :]
        even = questions[:, : questions.shape[1] // 2]
        mean = ops.mean(even, axis=1, keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(even - mean), axis=1, keepdims=True) + 1e-6)
        features = (features - mean) / spread * self.gain / np.sqrt(width)
        features = ops.concatenate([features, ops.ones_like(features[..., :1])], axis=-1)
        strokes, questions = features[:, : self.support], features[:, self.support :]

        weights = ops.sum(targets, axis=-1, keepdims=True)
        present = ops.cast(ops.max(targets, axis=1, keepdims=True) > 0, "float32")
        n_present = ops.sum(present, axis=-1, keepdims=True)
        weights, targets = weights / n_present, targets / n_present
        targets = targets - weights * present / n_present
        transposed = ops.transpose(strokes, (0, 2, 1))
        system = ops.matmul(transposed, strokes * weights)
        system = system + ops.exp(self.log_penalty) * 0.1 * ops.eye(width + 1)
        coefficients = ops.linalg.solve(system, ops.matmul(transposed, targets))
        logits = ops.matmul(questions, coefficients) * ops.exp(self.log_scale)
        return logits - 1e4 * (1 - present)
