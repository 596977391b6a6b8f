"""The command `train`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.interrupt import stops_on_interrupt
from napari_fcn_crf.cli.options import add_settings, add_tensorboard, read_settings
from napari_fcn_crf.cli.paths import model_file
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.data.labelled_folder import PairFiles, find_pairs
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import Precision, TrainingSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "pairs",
        nargs="+",
        metavar="IMAGE LABELS",
        help="an image (TIFF, PNG, JPEG) and its label image (TIFF, PNG); more such pairs follow; "
        "or one folder of them: cell.tif and cell_labels.tif, or images/cell.tif and "
        "labels/cell.tif",
    )
    parser.add_argument(
        "--output", "-o", type=Path, required=True, metavar="MODEL.keras", help="the model file"
    )
    parser.add_argument(
        "--precision",
        choices=get_args(Precision),
        default="single",
        help="of the weights in the file; half makes it half as large. Default: %(default)s.",
    )
    parser.add_argument(
        "--paper",
        action="store_true",
        help="start from the settings of the tutorial's run: VGG-16, ten steps, summed loss",
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="MODEL.keras",
        help="go on training this model, with its settings where no others are given",
    )
    add_tensorboard(parser)
    add_settings(parser, "network and training", TrainingSettings)
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.model.card import optimizer_path, read_card
    from napari_fcn_crf.pipeline import models, training

    pairs = _pairs(arguments.pairs)
    base = TrainingSettings.paper() if arguments.paper else TrainingSettings()
    if arguments.resume is not None:
        base = read_card(arguments.resume).training
    settings = read_settings(arguments, TrainingSettings, base)
    output = model_file(arguments.output)
    read = [pair.read() for pair in pairs]
    images, labels = [image for image, _ in read], [found for _, found in read]
    # What is wrong with them shows before the backend loads, which takes seconds.
    training.check_training_input(images, labels, settings)
    load_backend(arguments)
    resume = None
    if arguments.resume is not None:
        resume = models.load_model(arguments.resume, optimizer=True)
    with stops_on_interrupt() as should_stop, progress_bar() as on_progress:
        model = training.train(
            images,
            labels,
            settings,
            on_progress=on_progress,
            should_stop=should_stop,
            checkpoint_path=output,
            resume=resume,
            tensorboard=arguments.tensorboard,
        )
    if arguments.precision != "single":
        models.save_model(model, output, precision=arguments.precision)
        # It goes on from weights that are no longer there.
        optimizer_path(output).unlink(missing_ok=True)
    losses = model.card.losses
    classes = ", ".join(map(str, model.card.class_values))
    stopped = "Stopped after " if should_stop() else ""
    say(
        f"{stopped}{len(losses)} steps, loss {losses[0]:.4g} to {losses[-1]:.4g}, "
        f"labels {classes}. Wrote {output}"
    )


def _pairs(given: list[str]) -> list[PairFiles]:
    if len(given) == 1 and Path(given[0]).is_dir():
        return find_pairs(given[0])
    if len(given) % 2:
        raise ValueError(
            f"Each image needs its label image behind it, but {len(given)} files were given. Give "
            "them as IMAGE LABELS IMAGE LABELS ..., or give a folder of them."
        )
    paths = list(map(Path, given))
    return [PairFiles(*paths[first : first + 2]) for first in range(0, len(paths), 2)]


COMMAND = Command("train", "train a network on images and their labels", add_arguments, run)
