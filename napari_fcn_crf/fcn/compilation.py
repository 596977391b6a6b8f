"""What the optimizer is, and how a step is compiled."""

from __future__ import annotations

from typing import Any

import keras

from napari_fcn_crf.fcn.gradients import AdamWithGradients
from napari_fcn_crf.settings import TrainingSettings


def compile_trainer(trainer: Any, settings: TrainingSettings, keep_gradients: bool) -> None:
    """Make a model ready to be trained.

    Parameters
    ----------
    trainer : keras.Model
    settings : TrainingSettings
    keep_gradients : bool
        Let its optimizer be an `AdamWithGradients`.
    """
    adam = AdamWithGradients if keep_gradients else keras.optimizers.Adam
    trainer.compile(
        optimizer=adam(settings.learning_rate, name="adam"),
        # Always the sum: the pixels' weights say what is averaged.
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        # XLA compiles for 10 s and longer, which the usual hundred steps do not pay back.
        jit_compile=False,
    )
    trainer.optimizer.build(trainer.trainable_variables)
