"""The command `export`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.inputs import add_image_options, read_given
from napari_fcn_crf.cli.options import add_output_folder, add_overwrite
from napari_fcn_crf.cli.paths import check_free, matching, one_file
from napari_fcn_crf.data.file_names import image_name
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted, say
from napari_fcn_crf.results.export.table import EXPORTS, export_named, write_result

if TYPE_CHECKING:
    from napari_fcn_crf.results.export.result import Result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "results",
        metavar="RESULT",
        nargs="+",
        help="labels or probabilities, as `predict`, `refine` and `batch` write them",
    )
    parser.add_argument(
        "--format",
        dest="formats",
        action="append",
        required=True,
        choices=[one.name for one in EXPORTS],
        help="may be given several times. " + " ".join(f"{one.name}: {one.tip}" for one in EXPORTS),
    )
    parser.add_argument(
        "--model", metavar="MODEL", help="take names and colours of the classes from this model"
    )
    parser.add_argument(
        "--image", metavar="IMAGE", help="measure its intensities; axes and pixel size are its own"
    )
    parser.add_argument(
        "--names",
        metavar="N=NAME,N=NAME",
        type=_names,
        default={},
        help="what label values are called, such as 1=nucleus,2=stroma",
    )
    parser.add_argument(
        "--pixel-size-um",
        metavar="UM",
        type=float,
        help="side of a pixel in micrometres. Default: as the files say.",
    )
    parser.add_argument(
        "--objects", action="store_true", help="labels number objects and are no classes"
    )
    add_output_folder(parser, "RESULT with the ending of each format")
    add_overwrite(parser)
    add_image_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    from napari_fcn_crf.model.card import read_card

    card = None if arguments.model is None else read_card(one_file(arguments.model))
    given = [path for text in arguments.results for path in matching(text)]
    if arguments.image is not None and len(given) > 1:
        raise InputError(
            f"An image belongs to one result, but {len(given)} were given. Export them one by one, "
            "or without --image."
        )
    image_path = None if arguments.image is None else one_file(arguments.image)
    image = None if image_path is None else read_given(image_path, arguments)
    classes = None
    if card is not None:
        classes = LabelClasses(card.class_values, card.class_names, card.class_colours)
    formats = [export_named(name) for name in dict.fromkeys(arguments.formats)]
    stems = [image_name(path) for path in given]
    targets = {
        (path, one.name): arguments.output / f"{stem}{one.suffixes[0]}"
        for path, stem in zip(given, stems, strict=True)
        for one in formats
    }
    if len(set(targets.values())) < len(targets):
        raise InputError(
            "Several of the results have the same name, so one would replace the other. Export "
            "them into different folders with --output."
        )
    inputs = [*given, *([] if image_path is None else [image_path])]
    check_free(list(targets.values()), overwrite=arguments.overwrite, inputs=inputs)
    folder = folder_for_results(arguments.output)
    for path in given:
        result = _read(path, classes, image, arguments)
        for one in formats:
            write_result(result, targets[path, one.name], one)
    say(f"Wrote {folder}")


def _read(
    path: Path, classes: LabelClasses | None, image: Picture | None, arguments: argparse.Namespace
) -> Result:
    """Return the result in a file, probabilities if they are not whole numbers."""
    from napari_fcn_crf.data import image_files
    from napari_fcn_crf.data.ome_zarr.reading import is_zarr, read_ome_zarr
    from napari_fcn_crf.pipeline.export import as_result, named

    given: dict[str, Any] = {
        "image": image,
        "pixel_size_um": arguments.pixel_size_um,
        "names": arguments.names,
        "objects": arguments.objects,
    }
    picture = read_ome_zarr(path) if is_zarr(path) else image_files.read_picture(path)
    if picture.array.dtype.kind != "f":
        if not is_zarr(path):
            picture = image_files.read_label_picture(path)
        elif picture.has_channel_axis:
            raise InputError(
                f"Expected labels or probabilities, but {quoted(path.name)} has channels of whole "
                "numbers. Choose what `predict` or `refine` wrote."
            )
        return as_result(picture, classes=classes, **given)
    if not is_zarr(path):
        read = image_files.read_probabilities(path)
        if classes is None:
            names = tuple(arguments.names.get(value, "") for value in read.class_values)
            classes = named(LabelClasses(read.class_values, names), arguments.names)
        letters = picture.spatial_axes
        picture = Picture(read.values, f"c{letters}", path.name, picture.place)
    return as_result(picture, classes=classes, **given)


def _names(text: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for part in text.split(","):
        value, equals, name = part.partition("=")
        try:
            found[int(value)] = name.strip()
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise argparse.ArgumentTypeError(
                f"expected label values and names, such as 1=nucleus,2=stroma, but found {part!r}"
            )
    return found


COMMAND = Command("export", "write results as files of other programs", add_arguments, run)
