"""The command `predict`."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_fcn_crf.atomic_files import expect_file
from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.options import add_output_folder, add_settings, read_settings
from napari_fcn_crf.cli.paths import folder_for_results
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import PredictionSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .keras file from `train`")
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    add_output_folder(parser, "IMAGE_probabilities.tif and IMAGE_labels.tif")
    add_settings(parser, "prediction", PredictionSettings)
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.data import image_files
    from napari_fcn_crf.model.card import read_card
    from napari_fcn_crf.pipeline import models, prediction

    settings = read_settings(arguments, PredictionSettings)
    _check_distinct(arguments.images)
    # Mistakes in the first show before the backend loads, which takes seconds.
    card = read_card(arguments.model)
    first = image_files.read_image(arguments.images[0])
    prediction.check_prediction_input(card, first)
    folder = folder_for_results(arguments.output)
    load_backend(arguments)
    model = models.load_model(arguments.model)
    for number, path in enumerate(arguments.images):
        image = image_files.read_image(path) if number else first
        with progress_bar(path.name) as on_progress:
            probabilities = prediction.predict(model, image, settings, on_progress=on_progress)
        image_files.write_probabilities(
            folder / f"{path.stem}_probabilities.tif", probabilities, card.class_values
        )
        image_files.write_labels(folder / f"{path.stem}_labels.tif", card.to_labels(probabilities))
    count = len(arguments.images)
    say(f"{count} image{'s' if count > 1 else ''} predicted. Wrote {folder}")


def _check_distinct(images: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in images:
        if path.stem in seen:
            raise ValueError(
                f"The results are named after the images, but {seen[path.stem]} and {path} have "
                "the same name. Predict them into two folders."
            )
        expect_file(path, "an image")
        seen[path.stem] = path


COMMAND = Command("predict", "predict images with a trained model", add_arguments, run)
