"""Images in a folder: which of its files are some, and which are results or labels of others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from napari_fcn_crf.data.file_names import (
    IMAGE_SUFFIXES,
    IMAGES,
    files_in,
    folders_in,
    image_name,
    labelled_name,
    result_name,
)
from napari_fcn_crf.data.image_files import is_result
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_ENDINGS = tuple(sorted({suffix.lstrip(".") for suffix in IMAGE_SUFFIXES}))


def image_files_in(folder: Path) -> list[Path]:
    """Return the image files in a folder, or else in its folder of images; results are among them.

    Raises
    ------
    ValueError
        If there is none.
    """
    inside = next(iter(folders_in(folder, IMAGES)), folder)
    files = files_in(folder, IMAGE_SUFFIXES) or files_in(inside, IMAGE_SUFFIXES)
    if not files:
        raise InputError(
            f"Expected images, but the folder {quoted(str(folder), 100)} has no file that "
            f"ends in {', '.join(_ENDINGS)}."
        )
    return files


def without_results(found: Sequence[Path]) -> list[Path]:
    """Return files but for earlier results and, where their image is among them, its labels.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    names = {(path.parent, image_name(path)) for path in found}
    images = [path for path in found if not _is_left_out(path, names)]
    if not images:
        raise InputError(
            f"Expected images, but {quoted(found[0].name)}"
            f"{f' and {len(found) - 1} more are results' if len(found) > 1 else ' is a result'} of "
            "an earlier run. Give the images themselves."
        )
    return images


def folder_for_results(path: Path) -> Path:
    """Return the path of a folder to write into, which is made.

    Raises
    ------
    ValueError
        If it cannot be written.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"Expected a folder for the results, but {path} is a file.")
    path.mkdir(parents=True, exist_ok=True)
    if not os.access(path, os.W_OK):
        raise InputError(
            f"Expected a folder for the results, but {path} may not be written by you. Choose "
            "another one."
        )
    return path


def _is_left_out(path: Path, names: set[tuple[Path, str]]) -> bool:
    of_image = result_name(path) or labelled_name(path)
    if of_image and (path.parent, of_image) in names:
        return True
    return path.is_file() and is_result(path)
