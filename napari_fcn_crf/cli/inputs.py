"""Images as they are given on the command line: files, folders and patterns."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from napari_fcn_crf.batch.inputs import zarr_images_in
from napari_fcn_crf.cli.paths import matching
from napari_fcn_crf.data.file_names import IMAGE_SUFFIXES, files_in
from napari_fcn_crf.data.image_files import read_picture
from napari_fcn_crf.data.image_folder import image_files_in, without_results
from napari_fcn_crf.data.ome_zarr.reading import is_zarr
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import IntensityChoice


def add_image_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for what an image file is taken for."""
    group = parser.add_argument_group("images")
    group.add_argument(
        "--axes",
        metavar="AXES",
        help="one letter an axis, such as zcyx: rows y, columns x, channels c, planes z, frames t. "
        "Default: as the file says.",
    )
    group.add_argument(
        "--channels",
        type=_channels,
        default=(),
        metavar="N,N",
        help="use these channels, counted from 0. Default: all.",
    )
    group.add_argument(
        "--exif",
        action="store_true",
        help="turn photographs as their camera noted; napari shows them without",
    )


def add_intensity(parser: argparse.ArgumentParser, otherwise: str) -> None:
    """Add the option for how values are mapped: as the model does, or otherwise."""
    parser.add_argument(
        "--intensity",
        choices=get_args(IntensityChoice),
        default="auto",
        help="map an image's values as the model's training images, by its own range, or by the "
        f"latter {otherwise}. Default: %(default)s.",
    )


def read_given(path: Path, arguments: argparse.Namespace) -> Picture:
    """Read an image as the options say."""
    picture = read_picture(path, arguments.axes, exif=arguments.exif)
    return chosen(picture, arguments)


def chosen(picture: Picture, arguments: argparse.Namespace) -> Picture:
    """Return a picture with the channels that were asked for."""
    return picture.chosen_channels(arguments.channels) if arguments.channels else picture


def images_in(given: Sequence[str]) -> list[Path]:
    """Return the images among files, folders and patterns, and say what is left out.

    Left out are earlier results and, where their image is given as well, its labels.

    Raises
    ------
    ValueError
        If there is none.
    """
    found: list[Path] = []
    for text in given:
        paths = matching(text)
        if len(paths) > 1:
            paths = [path for path in paths if not path.is_dir()]
        for path in paths:
            if not path.is_dir():
                found.append(path)
                continue
            found += image_files_in(path)
    images = without_results(found)
    left_out = [path for path in found if path not in images]
    if left_out:
        others = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        say(
            f"Left out, as results of an earlier run or labels: {left_out[0].name}{others}.",
            sys.stderr,
        )
    return images


def images_and_stores(given: Sequence[str]) -> list[Path]:
    """Return the images among files, folders and patterns, and the zarr folders there.

    Raises
    ------
    ValueError
        If there is none.
    """
    stores: list[Path] = []
    others: list[str] = []
    for text in given:
        paths = matching(text)
        found = [path for path in paths if is_zarr(path)]
        if len(paths) == 1 and paths[0].is_dir() and not found:
            found = zarr_images_in(paths[0])
            if found and not files_in(paths[0], IMAGE_SUFFIXES):
                paths = []
        stores += found
        if len(paths) > 1:
            others += [str(path) for path in paths if not path.is_dir()]
        else:
            others += [str(path) for path in paths if path not in found]
    return [*stores, *(images_in(others) if others else [])]


def _channels(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected numbers with commas between them, such as 0,2, but found {text!r}"
        ) from error
