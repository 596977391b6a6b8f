"""The command `export-model`."""

from __future__ import annotations

import argparse

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.inputs import add_image_options, read_given
from napari_fcn_crf.cli.options import add_overwrite
from napari_fcn_crf.cli.paths import check_free, one_file, user_path
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.quoting import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", metavar="MODEL", help="a model file from `train` or the dock")
    parser.add_argument(
        "--output",
        "-o",
        type=user_path,
        required=True,
        metavar="FILE",
        help="ending in .zip for a bioimage.io package, in .onnx for ONNX Runtime and others, or "
        "in .pt for TorchScript",
    )
    parser.add_argument(
        "--image",
        metavar="IMAGE",
        help="example that goes into a package. Default: a made-up one",
    )
    add_overwrite(parser)
    add_image_options(parser)
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.model.card import read_card
    from napari_fcn_crf.pipeline import models
    from napari_fcn_crf.pipeline.model_export import check_ending, export_model

    path = one_file(arguments.model)
    read_card(path)
    check_ending(arguments.output)
    check_free([arguments.output], overwrite=arguments.overwrite, inputs=[path])
    image = None if arguments.image is None else read_given(one_file(arguments.image), arguments)
    folder_for_results(arguments.output.parent)
    load_backend(arguments)
    export_model(models.load_model(path), arguments.output, image=image)
    say(f"Wrote {arguments.output}")


COMMAND = Command(
    "export-model", "write a model for programs that know nothing of this one", add_arguments, run
)
