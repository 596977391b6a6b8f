"""The command `train`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.backbones import BACKBONES
from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.inputs import add_image_options, chosen
from napari_fcn_crf.cli.interrupt import stops_on_interrupt
from napari_fcn_crf.cli.options import add_overwrite, add_settings, add_tensorboard, read_settings
from napari_fcn_crf.cli.paths import matching, model_file, one_file, user_path
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.cli.told import Notes
from napari_fcn_crf.data.file_names import is_labels_of
from napari_fcn_crf.data.images import check_image, check_not_constant
from napari_fcn_crf.data.label_doubts import Doubt, DoubtfulLabelsError
from napari_fcn_crf.data.labelled_folder import PairFiles, find_pairs
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted, say
from napari_fcn_crf.settings import Precision, TrainingSettings
from napari_fcn_crf.weights.formats.table import published_kinds

Pair = tuple[Picture, npt.NDArray[np.integer[Any]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    from napari_fcn_crf.fcn.heads.head import heads

    parser.add_argument(
        "pairs",
        nargs="+",
        metavar="IMAGE LABELS",
        help="an image (TIFF, PNG, JPEG) and its label image (TIFF, PNG); more such pairs follow; "
        "or one folder of them: cell.tif and cell_labels.tif, or images/cell.tif and "
        "labels/cell.tif",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=user_path,
        required=True,
        metavar="MODEL.keras",
        help="the model file",
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
        metavar="MODEL.keras",
        help="go on training this model, with its settings where no others are given",
    )
    add_overwrite(parser)
    add_tensorboard(parser)
    add_image_options(parser)
    add_settings(
        parser,
        "network and training",
        TrainingSettings,
        notes={
            "architecture": " ".join(f"{h.title}: {h.description}" for h in heads().values()),
            "backbone": " ".join(f"{b.title}: {b.tip}" for b in BACKBONES.values()),
            "weights": f"Files are VGG-16 for {published_kinds()}.",
        },
    )
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.model.card import optimizer_path, read_card
    from napari_fcn_crf.pipeline import models, training

    pairs = _pairs(arguments.pairs)
    base = TrainingSettings.paper() if arguments.paper else TrainingSettings()
    resumed = None if arguments.resume is None else one_file(arguments.resume)
    if resumed is not None:
        known = read_card(resumed).training
        # What was solved in closed form alone goes on with steps.
        base = replace(known, iterations=known.iterations or None)
    settings = read_settings(arguments, TrainingSettings, base)
    output: Path = arguments.output
    goes_on_in_place = resumed is not None and output.exists() and output.samefile(resumed)
    model_file(output, overwrite=arguments.overwrite or goes_on_in_place)
    read = [_read(pair, arguments) for pair in pairs]
    notes = Notes()
    for picture, _ in read:
        for note in picture.notes:
            notes.add(note, picture.name)
    images, labels = [image for image, _ in read], [found for _, found in read]
    # What is wrong with them shows before the backend loads, which takes seconds.
    try:
        training.check_training_input(images, labels, settings)
    except DoubtfulLabelsError as error:
        raise InputError(_with_options(error.doubt)) from error
    load_backend(arguments)
    resume = None if resumed is None else models.load_model(resumed, optimizer=True)
    with stops_on_interrupt() as should_stop, progress_bar(notes=notes) as on_progress:
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
    notes.end()
    losses = model.card.losses
    classes = ", ".join(map(str, model.card.class_values))
    stopped = "Stopped after " if should_stop() else ""
    course = "Solved in closed form"
    if losses or stopped:
        loss = f", loss {losses[0]:.4g} to {losses[-1]:.4g}" if losses else ""
        course = f"{stopped}{len(losses)} steps{loss}"
    say(f"{course}, labels {classes}. Wrote {output}")


def _with_options(doubt: Doubt) -> str:
    """Return what labels look like, and the options that go on."""
    options = [f"--{name.replace('_', '-')} {value}" for name, value in doubt.remedy.items()]
    advice = doubt.advice or f"Give {' '.join(options)}"
    return f"{doubt.looks} {advice}; or --trust-labels to train on them as they are."


def _pairs(given: list[str]) -> list[PairFiles]:
    if len(given) == 1 and user_path(given[0]).is_dir():
        return find_pairs(user_path(given[0]))
    paths = [path for text in given for path in matching(text)]
    if len(paths) % 2:
        raise InputError(
            f"Each image needs its label image behind it, but {len(paths)} files were given. Give "
            "them as IMAGE LABELS IMAGE LABELS ..., or give a folder of them."
        )
    half = len(paths) // 2
    # Patterns, as in images/*.tif labels/*.tif, give all images first.
    if half > 1 and all(map(is_labels_of, paths[half:], paths[:half])):
        return list(map(PairFiles, paths[:half], paths[half:]))
    return [PairFiles(*paths[first : first + 2]) for first in range(0, len(paths), 2)]


def _read(pair: PairFiles, arguments: argparse.Namespace) -> Pair:
    picture, labels = pair.read(arguments.axes, exif=arguments.exif)
    picture = chosen(picture, arguments)
    try:
        image = check_image(picture.channels_last())
        check_not_constant(image)
    except InputError as error:
        raise InputError(f"{quoted(pair.image.name)}: {error}") from error
    return picture, labels


COMMAND = Command("train", "train a network on images and their labels", add_arguments, run)
