"""Which optimizer there is, and how a step is compiled."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.fcn.fused_adam import FusedAdam
from napari_fcn_crf.fcn.gradients import AdamWithGradients
from napari_fcn_crf.fcn.large_kernels import speed_up_large_kernels
from napari_fcn_crf.fcn.weights.layers import CONVOLUTIONS
from napari_fcn_crf.settings import RANDOM, TrainingSettings


def compile_trainer(trainer: Any, settings: TrainingSettings, keep_gradients: bool) -> None:
    """Make a model ready to be trained.

    Parameters
    ----------
    trainer : keras.Model
    settings : TrainingSettings
    keep_gradients : bool
        Let its optimizer be an `AdamWithGradients`.
    """
    speed_up_large_kernels(trainer)
    shares = _shares(trainer, settings)
    if keep_gradients:
        adam = AdamWithGradients
    elif keras.backend.backend() == "tensorflow" or shares:
        adam = FusedAdam
    else:
        # Keras has one of its own for PyTorch, which subclasses would miss.
        adam = keras.optimizers.Adam
    optimizer = adam(settings.learning_rate, name="adam")
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


def _shares(trainer: Any, settings: TrainingSettings) -> tuple[float, ...]:
    """Return each variable's share of the learning rate; empty where all have all of it."""
    if settings.starting_weights == RANDOM:
        return ()
    shares = tuple(
        settings.backbone_rate if variable.path.split("/")[0] in CONVOLUTIONS else 1.0
        for variable in trainer.trainable_variables
    )
    return shares if set(shares) != {1.0} else ()
