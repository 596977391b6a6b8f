"""What the buttons do: from the session's layers to a job, and from its result to layers."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info

from napari_fcn_crf import pipeline
from napari_fcn_crf.compute.job import Job
from napari_fcn_crf.metrics import changed_fraction
from napari_fcn_crf.model import ModelCard, read_card
from napari_fcn_crf.progress import OnProgress
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui import layers
from napari_fcn_crf.ui.session import Session, WeightsChoice


def _chosen_image(session: Session) -> Image:
    if session.image is None:
        raise ValueError(
            "An image layer is needed, but none is open. Open one with File > Open, or try "
            "File > Open Sample > FCN-CRF."
        )
    return session.image


def load_weights(session: Session, path: Path) -> None:
    """Check a weights file in the compute process and use it for the next training."""

    def keep(description: str) -> None:
        session.weights = WeightsChoice(path, description)

    session.run_job(
        "weights", "Reading the weights", lambda: session.service.describe_weights(path), keep
    )


def train(session: Session, settings: TrainingSettings) -> None:
    """Train a network on the chosen image and labels."""
    image = _chosen_image(session)
    annotation = session.annotation
    if annotation is None:
        raise ValueError(
            "Training needs a labels layer, but none is open. Press New labels and paint some "
            "pixels of each class."
        )
    layers.check_same_place(image, annotation)
    pixels = layers.layer_array(image)
    # A copy, since the user may go on painting while the network trains.
    labels = np.array(layers.layer_array(annotation))
    model_path = session.new_model_path()

    def keep(card: ModelCard) -> None:
        session.keep_model(model_path, card, f"{image.name}.keras", is_saved=False)
        done = len(card.losses)
        if done < settings.iterations:
            show_info(f"Training stopped after {done} of {settings.iterations} iterations.")

    def start() -> Job[ModelCard]:
        array = np.asarray(pixels)
        pipeline.check_training_input(array, labels, settings)
        return session.service.train([array], [labels], settings, model_path)

    session.run_job("train", "Training", start, keep)


def predict(session: Session) -> None:
    """Predict the chosen image with the current model and add the probabilities."""
    image = _chosen_image(session)
    model = session.model
    if model is None:
        raise ValueError("Predicting needs a model, but there is none yet. Press Train first.")
    pixels = layers.layer_array(image)

    def keep(probabilities: np.ndarray) -> None:
        if image not in session.viewer.layers:
            show_info(f"'{image.name}' was closed; its prediction is not shown.")
            return
        session.probabilities = layers.add_probabilities(
            session.viewer, image, probabilities, model.card
        )

    def start() -> Job[np.ndarray]:
        array = np.asarray(pixels)
        pipeline.check_prediction_input(model.card, array)
        return session.service.predict(model.path, array)

    session.run_job("predict", "Predicting", start, keep)


def refine(session: Session, settings: CRFSettings) -> None:
    """Refine the chosen probabilities with the dense CRF and add the labels."""
    image = _chosen_image(session)
    source = session.probabilities
    if source is None:
        raise ValueError(
            "Refining needs a probability layer, but none is chosen. Press Predict first, or "
            "choose one."
        )
    pixels, probabilities = layers.layer_array(image), layers.layer_array(source)
    noted = layers.our_metadata(source)
    stop = threading.Event()

    def work(on_progress: OnProgress) -> tuple[np.ndarray, float]:
        before = np.asarray(probabilities)
        marginals = pipeline.refine(
            np.asarray(pixels), before, settings, on_progress=on_progress, should_stop=stop.is_set
        )
        # Classes of another tool's probabilities are numbered from 1, so that each shows a colour.
        values = np.asarray(noted.get("class_values", range(1, len(before) + 1)))
        chosen = marginals.argmax(axis=0)
        return values[chosen], changed_fraction(before.argmax(axis=0), chosen)

    def keep(result: tuple[np.ndarray, float]) -> None:
        labels, changed = result
        if image not in session.viewer.layers:
            show_info(f"'{image.name}' was closed; its refinement is not shown.")
            return
        record = {**noted.get("record", {}), "crf": settings.to_dict(), "changed": changed}
        layers.add_refined(session.viewer, image, labels, session.annotation, record)
        session.changed_by_refining = changed

    session.run("refine", "Refining", work, stop.set, keep)


def open_model(session: Session, path: Path) -> None:
    """Make a saved model the one that Predict uses."""
    session.keep_model(path, read_card(path), path.name, is_saved=True)
