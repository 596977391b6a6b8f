"""The command line: train, predict and refine on files and folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import napari_fcn_crf
from napari_fcn_crf.cli import (
    batch,
    demo,
    devices,
    export,
    export_model,
    predict,
    refine,
    train,
    weights,
)
from napari_fcn_crf.cli.interrupt import STOPPED, interruptible, say_stopped
from napari_fcn_crf.cli.options import OneLineParser
from napari_fcn_crf.cli.told import say_error
from napari_fcn_crf.compute.errors import ComputeError
from napari_fcn_crf.progress import Cancelled

if TYPE_CHECKING:
    from io import TextIOWrapper

COMMANDS = (
    demo.COMMAND,
    train.COMMAND,
    predict.COMMAND,
    refine.COMMAND,
    batch.COMMAND,
    export.COMMAND,
    export_model.COMMAND,
    weights.COMMAND,
    devices.COMMAND,
)
"""All commands, as the help lists them."""

_EXAMPLES = """
examples:
  napari-fcn-crf demo --view
  napari-fcn-crf demo --paper cat.jpg cat_mask.png --weights vgg_16.ckpt
  napari-fcn-crf train cell.tif cell_labels.tif -o cells.keras
  napari-fcn-crf predict cells.keras plate1 -o results
  napari-fcn-crf refine plate1/a1.tif results/a1_predicted_probabilities.tif -o results
  napari-fcn-crf batch cells.keras plate1 plate2 -o segmented --workers 2
  napari-fcn-crf export results/a1_refined.tif --format geojson --model cells.keras -o qupath
  napari-fcn-crf export-model cells.keras -o cells.onnx
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    0; 2 for bad input; 3 if some of several images failed; 130 for Ctrl-C.
    """
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may not have the letters of a file's name or of the help.
        cast("TextIOWrapper", stream).reconfigure(errors="replace")
    try:
        with interruptible():
            _check_working_folder()
            arguments = _parser().parse_args(argv)
            code: int | None = arguments.run(arguments)
    except (ValueError, TypeError, OSError, ImportError, MemoryError, ComputeError) as error:
        say_error(error)
        return 2
    except (KeyboardInterrupt, Cancelled):
        say_stopped()
        return STOPPED
    return code or 0


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="napari-fcn-crf",
        description=(
            "Segment images with a fully convolutional network trained on your own\n"
            "annotation, and refine the result with a dense CRF."
        ),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=napari_fcn_crf.__version__)
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command"
    )

    for command in COMMANDS:
        text = command.summary
        one = commands.add_parser(
            command.name, help=text, description=f"{text[0].upper()}{text[1:]}."
        )
        command.add_arguments(one)
        one.set_defaults(run=command.run)
    return parser


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise ValueError(
            "A command needs a folder to work in, but the folder it was started in is gone. "
            "Change to another one."
        ) from error
