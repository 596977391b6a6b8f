"""The command `refine`."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.options import add_output_folder, add_settings, read_settings
from napari_fcn_crf.cli.paths import folder_for_results
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import ComputeSettings, CRFSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "probabilities",
        type=Path,
        metavar="PROBABILITIES",
        help="a TIFF stack of one plane a class, as `predict` writes it",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="MODEL",
        help="start from the CRF settings kept with this model",
    )
    add_output_folder(parser, "IMAGE_refined.tif and IMAGE_refined_probabilities.tif")
    add_settings(parser, "CRF", CRFSettings)
    add_settings(parser, "device", ComputeSettings, ("threads",))


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    import numpy as np

    from napari_fcn_crf.data import image_files
    from napari_fcn_crf.data.probability_sources import as_fractions
    from napari_fcn_crf.model.card import read_card
    from napari_fcn_crf.pipeline.refinement import limit_threads, refine

    limit_threads(read_settings(arguments, ComputeSettings).threads)
    base = None if arguments.model is None else read_card(arguments.model).crf
    settings = read_settings(arguments, CRFSettings, base)
    image = image_files.read_image(arguments.image)
    read = image_files.read_probabilities(arguments.probabilities)
    class_values = as_label_values(read.class_values)
    folder = folder_for_results(arguments.output)
    with progress_bar(arguments.image.name) as on_progress:
        probabilities, note = as_fractions(read.values)
        marginals = refine(image, probabilities, settings, on_progress=on_progress)
    classes = marginals.argmax(axis=0)
    changed = np.mean(classes != read.values.argmax(axis=0))
    stem = arguments.image.stem
    image_files.write_labels(folder / f"{stem}_refined.tif", class_values[classes])
    image_files.write_probabilities(
        folder / f"{stem}_refined_probabilities.tif", marginals, read.class_values
    )
    if note:
        say(note)
    say(f"{changed:.1%} of the pixels changed. Wrote {folder}")


COMMAND = Command("refine", "refine probabilities with the dense CRF", add_arguments, run)
