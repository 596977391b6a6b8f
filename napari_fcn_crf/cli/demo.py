"""The command `demo`."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.options import add_tensorboard
from napari_fcn_crf.cli.paths import check_replaceable, user_path
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.settings import TrainingSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--output",
        "-o",
        type=user_path,
        default=Path("napari-fcn-crf-demo"),
        metavar="FOLDER",
        help="where the results go (default: %(default)s)",
    )
    parser.add_argument(
        "--paper",
        nargs=2,
        type=user_path,
        metavar=("IMAGE", "LABELS"),
        help="make the tutorial's run of 2016 on this image and its mask instead: FCN-32s on the "
        "full VGG-16, ten steps",
    )
    parser.add_argument(
        "--weights",
        type=user_path,
        metavar="FILE",
        help="VGG-16's ImageNet weights, for --paper; random without",
    )
    add_tensorboard(parser)
    parser.add_argument("--view", action="store_true", help="show the results in napari")
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.demo import sample_run, tutorial_2016

    if arguments.paper is None and arguments.weights is not None:
        raise ValueError(
            "--weights is for --paper IMAGE LABELS, but that was not given. Give both, or use "
            "`napari-fcn-crf train`."
        )
    output, tensorboard = folder_for_results(arguments.output), arguments.tensorboard
    if arguments.paper is None:
        case = sample_run.sample_case()
        check_replaceable(sample_run.result_files(output, case.name))
        load_backend(arguments)
        sample_run.report(sample_run.run(case, output, tensorboard=tensorboard), output)
    else:
        settings = TrainingSettings.paper(arguments.weights)
        image, labels = arguments.paper
        case = tutorial_2016.read_case(image, labels, settings)
        check_replaceable(sample_run.result_files(output, case.name))
        load_backend(arguments)
        tutorial_2016.run(case, output, tensorboard=tensorboard)
    if arguments.view:
        sample_run.view(output, *(arguments.paper or ()))


COMMAND = Command("demo", "train, predict and refine on the sample cat", add_arguments, run)
