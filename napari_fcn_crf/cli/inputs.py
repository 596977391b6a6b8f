"""Images as they are given on the command line: files, folders and patterns."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from napari_fcn_crf.cli.paths import matching
from napari_fcn_crf.data.file_names import (
    IMAGE_SUFFIXES,
    IMAGES,
    files_in,
    folders_in,
    image_name,
    labelled_name,
    result_name,
)
from napari_fcn_crf.data.image_files import is_result, read_picture
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted, say
from napari_fcn_crf.settings import IntensityChoice

_ENDINGS = tuple(sorted({suffix.lstrip(".") for suffix in IMAGE_SUFFIXES}))


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
            inside = next(iter(folders_in(path, IMAGES)), path)
            files = files_in(path, IMAGE_SUFFIXES) or files_in(inside, IMAGE_SUFFIXES)
            if not files:
                raise InputError(
                    f"Expected images, but the folder {quoted(str(path), 100)} has no file that "
                    f"ends in {', '.join(_ENDINGS)}."
                )
            found += files
    names = {(path.parent, image_name(path)) for path in found}
    images = [path for path in found if not _is_left_out(path, names)]
    if not images:
        raise InputError(
            f"Expected images, but {quoted(found[0].name)}"
            f"{f' and {len(found) - 1} more are results' if len(found) > 1 else ' is a result'} of "
            "an earlier run. Give the images themselves."
        )
    left_out = [path for path in found if path not in images]
    if left_out:
        others = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
        say(
            f"Left out, as results of an earlier run or labels: {left_out[0].name}{others}.",
            sys.stderr,
        )
    return images


def _is_left_out(path: Path, names: set[tuple[Path, str]]) -> bool:
    of_image = result_name(path) or labelled_name(path)
    if of_image and (path.parent, of_image) in names:
        return True
    return path.is_file() and is_result(path)


def _channels(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, text.split(",")))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"expected numbers with commas between them, such as 0,2, but found {text!r}"
        ) from error
