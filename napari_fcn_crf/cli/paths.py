"""Paths as they are given on the command line, and where results go."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_fcn_crf.data.image_files import is_result
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted


def user_path(text: str) -> Path:
    """Return a path whose `~` is the user's folder, which not every shell sees to."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 - Path's fails where there is no such user.


def matching(text: str) -> list[Path]:
    """Return the paths that a pattern stands for, as cmd.exe and quotes leave it, or the one path.

    Raises
    ------
    ValueError
        If it is a pattern that nothing matches.
    """
    path = user_path(text)
    # A file's own name may have brackets.
    if os.path.lexists(path) or not glob.has_magic(str(path)):
        return [path]
    found = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - any root.
    if not found:
        raise InputError(f"Expected files, but none matches {quoted(text, 100)}.")
    return found


def one_file(text: str) -> Path:
    """Return the one path that is meant.

    Raises
    ------
    ValueError
        If it is a pattern that none or several match.
    """
    found = matching(text)
    if len(found) > 1:
        raise InputError(
            f"Expected one file, but {len(found)} match {quoted(text, 100)}. Name one of them."
        )
    return found[0]


def model_file(path: Path, *, overwrite: bool) -> None:
    """Make the folder of a model to write, which must end in .keras and not be there already."""
    if path.suffix != ".keras":
        raise InputError(
            f"A model is a file that ends in .keras, but the output is {path.name}. "
            f"Name it {path.with_suffix('.keras').name}."
        )
    check_free([path], overwrite=overwrite)
    folder_for_results(path.parent)


def check_free(
    targets: Sequence[Path], *, overwrite: bool = False, inputs: Iterable[Path] = ()
) -> None:
    """Refuse to replace files, unless that was asked for; what is read is never replaced.

    Raises
    ------
    ValueError
        With the first of them.
    """
    there = [path for path in targets if os.path.lexists(path)]
    own = [path for path in there if any(_is_same(path, given) for given in inputs)]
    if own:
        raise InputError(
            f"The results would replace {quoted(str(own[0]), 100)}, which is to be read. Choose "
            "another folder with --output."
        )
    if there and not overwrite:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise InputError(
            f"The results would replace {quoted(str(there[0]), 100)}{others}. Choose another "
            "--output, or replace them with --overwrite."
        )


def check_replaceable(targets: Sequence[Path]) -> None:
    """Refuse to replace files other than results of this package.

    Raises
    ------
    ValueError
        With the first of them.
    """
    check_free([path for path in targets if not (path.is_file() and is_result(path))])


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
