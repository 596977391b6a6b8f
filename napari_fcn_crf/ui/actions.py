"""What the buttons do: from the session's layers to a job, and from its result to layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from napari.utils.notifications import show_info

from napari_fcn_crf import pipeline
from napari_fcn_crf.compute.job import Job
from napari_fcn_crf.model import ModelCard, read_card
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui import layers
from napari_fcn_crf.ui.session import Session, WeightsChoice, require_image


def load_weights(session: Session, path: Path) -> None:
    """Check a weights file in the compute process and use it for the next training."""

    def keep(description: str) -> None:
        session.weights = WeightsChoice(path, description)

    session.run_job(
        "weights", "Reading the weights", lambda: session.service.describe_weights(path), keep
    )


def train(session: Session, settings: TrainingSettings) -> None:
    """Train a network on the chosen image and labels, and on the pairs added to them."""
    pairs = session.training_pairs()
    for image, labels in pairs:
        layers.check_same_place(image, labels)
    pixels = [layers.layer_array(image) for image, _ in pairs]
    # Copies, since the user may go on painting while the network trains.
    annotations = [np.array(layers.layer_array(labels)) for _, labels in pairs]
    model_path = session.new_model_path()

    def start() -> Job[ModelCard]:
        arrays = [np.asarray(lazy) for lazy in pixels]
        pipeline.check_training_input(arrays, annotations, settings)
        return session.service.train(arrays, annotations, settings, model_path)

    def keep(card: ModelCard) -> None:
        session.keep_model(model_path, card, f"{pairs[0][0].name}.keras", is_saved=False)
        done = len(card.losses)
        if done < settings.iterations:
            show_info(f"Training stopped after {done} of {settings.iterations} iterations.")

    session.run_job("train", "Training", start, keep)


def predict(session: Session) -> None:
    """Predict the chosen image with the current model and add the probabilities."""
    image = require_image(session)
    model = session.model
    if model is None:
        raise ValueError("Predicting needs a model, but there is none yet. Press Train first.")
    pixels = layers.layer_array(image)

    def keep(probabilities: np.ndarray) -> None:
        if image not in session.viewer.layers:
            show_info(f"'{image.name}' was closed; its prediction is not shown.")
            return
        layer = layers.add_probabilities(session.viewer, image, probabilities, model.card)
        session.sources = (layer,)
        session.refined = None

    def start() -> Job[np.ndarray]:
        array = np.asarray(pixels)
        pipeline.check_prediction_input(model.card, array)
        return session.service.predict(model.path, array)

    session.run_job("predict", "Predicting", start, keep)


def open_model(session: Session, path: Path) -> None:
    """Make a saved model the one that Predict uses."""
    session.keep_model(path, read_card(path), path.name, is_saved=True)
