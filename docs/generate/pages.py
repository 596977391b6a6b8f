"""Pages and parts of pages that the code writes: settings, messages, commands, functions."""

from __future__ import annotations

import argparse
import ast
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import napari_fcn_crf
from docs.generate.messages import PACKAGE, ROOMS, Message, messages
from napari_fcn_crf.cli import main
from napari_fcn_crf.fcn.heads.head import heads
from napari_fcn_crf.results.export.table import EXPORTS
from napari_fcn_crf.settings import (
    ComputeSettings,
    CRFSettings,
    PredictionSettings,
    TrainingSettings,
)
from napari_fcn_crf.settings_base import Description, describe

HELP_COLUMNS = "96"

SETTINGS = {
    "training": TrainingSettings,
    "prediction": PredictionSettings,
    "crf": CRFSettings,
    "compute": ComputeSettings,
}


def settings_list(settings: type[Any]) -> str:
    """Return a definition list of a settings class's fields, in Markdown."""
    return "\n".join(
        f"`{name}`\n: {_facts(known)}\n\n  {_escaped(known.text)}\n"
        for name, known in describe(settings).items()
    )


def _facts(known: Description) -> str:
    default = "none" if known.default is None else f"`{known.default!r}`"
    expected = known.expected or _type_in_words(known.type)
    parts = [f"{_escaped(expected[0].upper() + expected[1:])}; default {default}."]
    if label := known.options.get("label"):
        parts.append(f"In napari: *{label}*.")
    return " ".join(parts)


def _type_in_words(kind: Any) -> str:
    if get_origin(kind) in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return " or ".join(_type_in_words(one) for one in kinds)
    names = {bool: "yes or no", int: "a whole number", str: "a text", Path: "a path"}
    return names.get(kind, "one of its kinds" if get_origin(kind) is Literal else "a number")


def message_lists() -> str:
    """Return all messages by what they are about, in Markdown."""
    found = messages()
    parts = []
    for room, title in ROOMS.items():
        here = [message for message in found if message.room == room]
        groups = {
            "": [message for message in here if message.is_error and _is_whole(message)],
            "Said besides:": [message for message in here if not message.is_error],
            "Reasons that stand inside a message:": [
                message for message in here if message.is_error and not _is_whole(message)
            ],
        }
        if here:
            parts.append(f"## {title}\n")
        for heading, group in groups.items():
            if group:
                parts += [f"{heading}\n", *(f"* {_escaped(one.text)}" for one in group), ""]
    return "\n".join(parts)


def _is_whole(message: Message) -> bool:
    return message.text.endswith((".", "…")) and not message.text[0].islower()


def command_list() -> str:
    """Return the help of each command as it is printed, in Markdown."""
    return "\n".join(f"## {name}\n\n```text\n{text}\n```\n" for name, text in helps())


def helps() -> Iterator[tuple[str, str]]:
    """Iterate over the names of the commands and their help, `napari-fcn-crf` itself first."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = HELP_COLUMNS
    try:
        parser = main._parser()
        yield parser.prog, parser.format_help().rstrip()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, command in action.choices.items():
                    yield f"{parser.prog} {name}", command.format_help().rstrip()
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def function_list() -> str:
    """Return what Sphinx makes the reference of all public names of, in reStructuredText."""
    parts = []
    for name in napari_fcn_crf.__all__:
        found = getattr(napari_fcn_crf, name)
        kind = "autoclass" if isinstance(found, type) else "autofunction"
        options = "\n   :members:\n   :inherited-members:" if kind == "autoclass" else ""
        parts.append(f"{name}\n{'-' * len(name)}\n\n.. {kind}:: napari_fcn_crf.{name}{options}\n")
    return "\n".join(parts)


def head_list() -> str:
    """Return what each head is good for, in Markdown."""
    return "\n".join(
        f"`{name}`\n: {head.title}, good for {head.good_for}. {_escaped(head.tip)}\n"
        for name, head in heads().items()
    )


def export_list() -> str:
    """Return the formats that results are exported in, in Markdown."""
    return "\n".join(
        f"`{one.name}`\n: {one.title}, `{'`, `'.join(one.suffixes)}`. {_escaped(one.tip)}\n"
        for one in EXPORTS
    )


def key_table() -> str:
    """Return the keyboard's shortcuts, read from their source: napari need not be installed."""
    rows = ["| key | what it does |", "|---|---|"]
    source = (PACKAGE / "ui" / "shortcuts.py").read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Shortcut":
            _, key, title = (ast.literal_eval(argument) for argument in node.args[:3])
            rows.append(f"| {key} | {title.removeprefix('FCN-CRF: ')} |")
    return "\n".join(rows) + "\n"


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is; code between backticks stays code."""
    outside = text.split("`")
    for index in range(0, len(outside), 2):
        for sign in ("\\", "*", "_", "<", "[", "$", "|"):
            outside[index] = outside[index].replace(sign, f"\\{sign}")
    return "`".join(outside)


FILES: dict[str, Callable[[], str]] = {
    **{
        f"settings-{name}.md": (lambda kind=kind: settings_list(kind))  # type: ignore[misc]
        for name, kind in SETTINGS.items()
    },
    "heads.md": head_list,
    "exports.md": export_list,
    "keys.md": key_table,
    "messages.md": message_lists,
    "commands.md": command_list,
    "functions.rst": function_list,
}
"""What is written, by file name."""


def write_all(folder: Path) -> None:
    """Write all of it, and leave what has not changed, so that Sphinx need not read it again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        path, text = folder / name, make()
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
