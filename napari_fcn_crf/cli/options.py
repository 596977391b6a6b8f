"""Command line options; those made from the settings have names, choices and help from there."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from napari_fcn_crf.quoting import say

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
) -> None:
    """Add an option for each field of a settings class, or for those named, under a title."""
    group = parser.add_argument_group(title)
    hints = get_type_hints(settings)
    texts = _documented(settings)
    for field in fields(settings):
        if names is not None and field.name not in names:
            continue
        default = "" if field.default in (None, MISSING, "") else f" Default: {field.default}."
        options: dict[str, Any] = {
            # What is not given is left to the settings class.
            "default": argparse.SUPPRESS,
            "help": (texts.get(field.name, "") + default).replace("%", "%%"),
        }
        hint = hints[field.name]
        if hint is bool:
            options["action"] = argparse.BooleanOptionalAction
        elif get_origin(hint) is Literal:
            options["choices"] = get_args(hint)
        else:
            is_union = get_origin(hint) in (Union, UnionType)
            options["type"] = kind = _of_union(hint) if is_union else hint
            options["metavar"] = {int: "N", float: "X"}.get(kind, field.name.upper())
        group.add_argument(f"--{field.name.replace('_', '-')}", **options)


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
        type=Path,
        metavar="FOLDER",
        help="write loss, gradients and predictions for `tensorboard --logdir FOLDER`",
    )


def add_output_folder(parser: argparse.ArgumentParser, files: str) -> None:
    """Add the option for the folder that results go to."""
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        required=True,
        metavar="FOLDER",
        help=f"where {files} go; made if there is none",
    )


def _of_union(hint: Any) -> type:
    """Return what the text of an option is read as, where the setting may be None."""
    return int if int in get_args(hint) else str


def _documented(settings: type[Any]) -> dict[str, str]:
    """Return the text of each parameter in a class's numpydoc docstring."""
    lines = textwrap.dedent("    " + (settings.__doc__ or "")).partition("Parameters\n")[2]
    section = re.split(r"\n\n\w+\n-+\n", lines)[0]
    entries = re.findall(r"^(\w+) : .*\n((?:    .*\n?)+)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
