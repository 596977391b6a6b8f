"""Messages: what the program says when something is wrong, found in its source."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "napari_fcn_crf"

ROOMS = {
    "data": "Images and labels",
    "weights": "Weights files",
    "fcn": "The network",
    "model": "Model files",
    "compute": "The process that the network runs in",
    "crf": "The refinement",
    "results": "Results",
    "pipeline": "Training, predicting and refining",
    "live": "Labels that follow the brush",
    "batch": "Many images",
    "cli": "The command line",
    "demo": "The demonstration",
    "ui": "In napari",
    "": "Settings and files in general",
}
"""Headings, by the folders of the package; the last is of the modules that are in none."""

# What words begin with a capital and end with a full stop, but are no tip on what a button does.
_TIPS = {"setToolTip", "setWhatsThis", "setStatusTip", "setPlaceholderText", "add_argument"}
_TIP_ARGUMENTS = {"help", "tip", "epilog", "description", "summary"}
_BUILT_IN = {
    *("ValueError", "TypeError", "RuntimeError", "OSError", "MemoryError", "ImportError"),
    *("FileNotFoundError", "NotImplementedError"),
}
_FEWEST_WORDS = 4
PLACE = "…"
"""Stands where a message names what was found."""


@dataclass(frozen=True)
class Message:
    """Something that the program may say.

    Parameters
    ----------
    text : str
        With `PLACE` where it names what was found.
    room : str
        Folder of the package, or empty.
    is_error : bool
        Whether it is raised, and not said besides.
    """

    text: str
    room: str
    is_error: bool


@cache
def messages() -> list[Message]:
    """Return all messages of the package, each text once in each room, in alphabetical order."""
    found: dict[tuple[str, str], bool] = defaultdict(bool)
    for path, nodes in _nodes_of_modules().items():
        for text, is_error in _of_module(nodes):
            found[room_of(path), text] |= is_error
    return [
        Message(text, room, is_error)
        for (room, text), is_error in sorted(found.items(), key=_alphabetical)
    ]


def _alphabetical(item: tuple[tuple[str, str], bool]) -> tuple[str, str, str]:
    room, text = item[0]
    return room, text.strip(f"{PLACE}' ").lower(), text


def room_of(path: Path) -> str:
    """Return the folder of the package that a module is in, one of `ROOMS`."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first.endswith(".py") else first


@cache
def _nodes_of_modules() -> dict[Path, list[ast.AST]]:
    """Return all nodes of each module of the package, the module first."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {path: list(ast.walk(ast.parse(path.read_text("utf-8")))) for path in paths}


@cache
def error_kinds() -> set[str]:
    """Return the names of Python's classes of errors and of all those that the package adds."""
    known, size = set(_BUILT_IN), -1
    classes = [
        node
        for nodes in _nodes_of_modules().values()
        for node in nodes
        if isinstance(node, ast.ClassDef)
    ]
    while len(known) != size:
        size = len(known)
        known |= {node.name for node in classes if known & {_name(base) for base in node.bases}}
    return known


def texts_of(node: ast.expr) -> list[str]:
    """Return what an expression may say, as far as the source tells; nothing if it tells nothing.

    A condition between words of some length gives several texts; one such as `"s" if n > 1 else ""`
    is a place.
    """
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return _joined(node.values)
    if isinstance(node, ast.FormattedValue):
        return _worth_telling(node.value)
    if isinstance(node, ast.IfExp):
        return _worth_telling(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [texts_of(node.left), texts_of(node.right)]
        return _joined([node.left, node.right]) if any(sides) else []
    return []


def _joined(parts: list[ast.expr]) -> list[str]:
    ways = [texts_of(part) or [PLACE] for part in parts]
    return ["".join(way) for way in product(*ways)]


def _worth_telling(node: ast.expr) -> list[str]:
    if not isinstance(node, ast.IfExp):
        return []
    found = [texts_of(branch) or [PLACE] for branch in (node.body, node.orelse)]
    texts = [text for branch in found for text in branch]
    return texts if max(len(text.split()) for text in texts) >= 2 else []


def _of_module(nodes: list[ast.AST]) -> Iterator[tuple[str, bool]]:
    kinds = error_kinds()
    errors = {
        id(argument)
        for node in nodes
        if isinstance(node, ast.Call) and _name(node.func) in kinds
        for argument in node.args
    }
    yield from _texts(nodes[0], errors)


def _texts(node: ast.AST, errors: set[int]) -> Iterator[tuple[str, bool]]:
    """Iterate over the sentences below a node; those of an error need not be whole ones."""
    if isinstance(node, ast.expr):
        texts = texts_of(node)
        is_error = id(node) in errors
        if texts:
            for text in texts:
                if is_error or _is_sentence(text):
                    yield _tidied(text), is_error
            # What is put into a message may be words of their own.
            inner = [part for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]
            for part in inner:
                yield from _texts(part.value, errors)
            return
    for child in _said(node):
        yield from _texts(child, errors)


def _said(node: ast.AST) -> Iterator[ast.AST]:
    """Iterate over the parts of a node but docstrings and tips."""
    if isinstance(node, ast.Call) and _name(node.func) in _TIPS:
        return
    for child in ast.iter_child_nodes(node):
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        is_tip = isinstance(child, ast.keyword) and child.arg in _TIP_ARGUMENTS
        if not is_text and not is_tip:
            yield child


def _is_sentence(text: str) -> bool:
    words = text.split()
    return (
        len(words) >= _FEWEST_WORDS
        and "\n" not in text
        and (text[0].isupper() or text[0] in f"'{PLACE}")
        and text.rstrip().endswith((".", "?", f".{PLACE}"))
    )


def _tidied(text: str) -> str:
    return re.sub(rf"{PLACE}+", PLACE, " ".join(text.split()))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
