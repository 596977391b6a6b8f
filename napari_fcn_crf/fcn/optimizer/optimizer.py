"""Optimizer of a training, which of the Adams it is, and the compilation of its step."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.fcn.devices.large_kernels import speed_up_large_kernels
from napari_fcn_crf.fcn.optimizer.fused_adam import FusedAdam
from napari_fcn_crf.fcn.optimizer.recording_adam import AdamWithGradients


def compile_trainer(
    trainer: Any, learning_rate: float, shares: tuple[float, ...], keep_gradients: bool
) -> None:
    """Make a model ready to be trained.

    Parameters
    ----------
    trainer : keras.Model
    learning_rate : float
    shares : tuple of float
        Each trained variable's of the learning rate; empty for all of it.
    keep_gradients : bool
        Let its optimizer be an `AdamWithGradients`.
    """
    speed_up_large_kernels(trainer)
    if keep_gradients:
        adam = AdamWithGradients
    elif keras.backend.backend() == "tensorflow" or shares:
        adam = FusedAdam
    else:
        # Keras has one of its own for PyTorch, which subclasses would miss.
        adam = keras.optimizers.Adam
    optimizer = adam(learning_rate, name="adam")
    if shares:
        optimizer.shares = shares
    trainer.compile(
        optimizer=optimizer,
        # Always the sum: the pixels' weights say what is averaged.
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        # XLA's step is no faster than with Adam's kernel (see `FusedAdam`): it never pays back.
        jit_compile=False,
    )
    trainer.optimizer.build(trainer.trainable_variables)
