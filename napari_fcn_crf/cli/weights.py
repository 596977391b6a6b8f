"""The command `weights`."""

from __future__ import annotations

import argparse
import os

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.interrupt import stops_on_interrupt
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.quoting import say
from napari_fcn_crf.weights.download import PUBLISHED, fetch, weights_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("action", choices=("fetch",))
    parser.add_argument(
        "name",
        choices=tuple(PUBLISHED),
        help="; ".join(
            f"{name}: {published.title}, {round(published.size_bytes / 1e6)} MB"
            for name, published in PUBLISHED.items()
        ),
    )
    parser.add_argument(
        "--folder",
        type=os.path.expanduser,
        default="",
        metavar="FOLDER",
        help="where the file goes; in the user's cache if not given",
    )


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    published = PUBLISHED[arguments.name]
    with stops_on_interrupt() as should_stop, progress_bar() as on_progress:
        path = fetch(published, weights_folder(arguments.folder), on_progress, should_stop)
    say(f"{published.title} ({published.licence}). Wrote {path}")


COMMAND = Command("weights", "download the published VGG-16", add_arguments, run)
