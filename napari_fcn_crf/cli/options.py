"""Command line options; those made from the settings have names, choices and help from there."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from types import UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

from napari_fcn_crf.cli.paths import user_path
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings_base import describe

S = TypeVar("S")


class OneLineParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with code 2."""
        say(f"{self.prog}: {message} (see {self.prog} --help)", sys.stderr)
        raise SystemExit(2)


def add_settings(
    parser: argparse.ArgumentParser,
    title: str,
    settings: type[Any],
    names: Sequence[str] | None = None,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Add an option for each field of a settings class, or for those named, under a title.

    Notes, by the fields' names, stand in the help behind what the settings say.
    """
    group = parser.add_argument_group(title)
    for name, known in describe(settings).items():
        if names is not None and name not in names:
            continue
        said = [known.text, (notes or {}).get(name, "")]
        if known.bounds is not None:
            said.append(f"{known.expected[0].upper()}{known.expected[1:]}.")
        if known.default not in (None, MISSING, ""):
            said.append(f"Default: {known.default}.")
        options: dict[str, Any] = {
            # What is not given is left to the settings class.
            "default": argparse.SUPPRESS,
            "help": " ".join(filter(None, said)).replace("%", "%%"),
        }
        if known.type is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif get_origin(known.type) is Literal:
            options["choices"] = get_args(known.type)
        else:
            is_union = get_origin(known.type) in (Union, UnionType)
            kind = _of_union(known.type) if is_union else known.type
            options["type"] = os.path.expanduser if kind is str else kind
            options["metavar"] = {int: "N", float: "X"}.get(kind, name.upper())
        group.add_argument(f"--{name.replace('_', '-')}", **options)


def read_settings(arguments: argparse.Namespace, settings: type[S], base: S | None = None) -> S:
    """Make settings from the options that were given; the others are as in `base`.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """
    names = [field.name for field in fields(settings)]  # type: ignore[arg-type]
    values = {} if base is None else {name: getattr(base, name) for name in names}
    given = {name: getattr(arguments, name) for name in names if hasattr(arguments, name)}
    return settings(**(values | given))


def add_tensorboard(parser: argparse.ArgumentParser) -> None:
    """Add the option for TensorBoard's files."""
    parser.add_argument(
        "--tensorboard",
        type=user_path,
        metavar="FOLDER",
        help="write loss, gradients and predictions for `tensorboard --logdir FOLDER`",
    )


def add_output_folder(parser: argparse.ArgumentParser, files: str) -> None:
    """Add the option for the folder that results go to."""
    parser.add_argument(
        "--output",
        "-o",
        type=user_path,
        required=True,
        metavar="FOLDER",
        help=f"where {files} go; made if there is none",
    )


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add the option to replace what is there."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already"
    )


def _of_union(hint: Any) -> type:
    """Return what the text of an option is read as, where the setting may be None."""
    return int if int in get_args(hint) else str
