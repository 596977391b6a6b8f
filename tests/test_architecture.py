"""Imports go one way: ui, cli -> pipeline, compute -> fcn | crf -> the modules all build on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.imports import Import, imports_of

PACKAGE = Path(__file__).parents[1] / "napari_fcn_crf"
FILES = sorted(PACKAGE.rglob("*.py"))

BASE = {
    "annotations",
    "cleanup",
    "download",
    "files",
    "gain",
    "image_files",
    "images",
    "input_error",
    "label_values",
    "metrics",
    "model",
    "ome_check",
    "pair_files",
    "partial",
    "presets",
    "progress",
    "quoting",
    "record",
    "samples",
    "settings",
    "sources",
    "strokes",
    "training_input",
    "uncertainty",
}
"""Modules that all others build on."""

MAY_USE = {
    # The public names, imported on first use, and the version.
    "": {"pipeline", *BASE},
    **dict.fromkeys(BASE, BASE),
    "fcn": {"fcn", *BASE},
    "crf": {"crf", *BASE},
    "refinement": {"crf", *BASE},
    "pipeline": {"fcn", *BASE},
    "compute": {"compute", "pipeline", "fcn", *BASE},
    "__main__": {"cli", "cli_interrupt"},
    "cli": {
        "cli_interrupt",
        "cli_options",
        "compute",
        "demo",
        "paper",
        "pipeline",
        "refinement",
        *BASE,
    },
    "cli_interrupt": set(),
    "cli_options": BASE,
    "demo": {"demo_figure", "pipeline", "refinement", *BASE},
    "demo_figure": BASE,
    "paper": {"demo", "fcn", "pipeline", *BASE},
    "ui": {"ui", "pipeline", "refinement", "crf", "compute", *BASE},
}
"""Which parts of the package each part may import; "" is the package itself."""

HEAVY = {"numba", "keras", "tensorflow", "torch", "jax", "h5py", "napari", "qtpy", "matplotlib"}
NETWORK = {"keras", "tensorflow", "torch", "jax", "h5py"}
VIEWER = {"napari", "npe2", "qtpy", "magicgui", "superqt", "vispy", "app_model"}
VIEWER |= {"PyQt5", "PyQt6", "PySide2", "PySide6"}

LIMIT_LINES = 500


def part_of(path: Path) -> str:
    """Return which part of the package a file belongs to: a folder or a module at the top."""
    relative = path.relative_to(PACKAGE)
    name = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return "" if name == "__init__" else name


def imports_in(path: Path) -> list[Import]:
    names = [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]
    is_package = names[-1] == "__init__"
    module = ".".join(names[:-1] if is_package else names)
    return imports_of(path.read_text(encoding="utf-8"), module, is_package)


def own_part(module: str) -> str | None:
    """Return which part of the package a module is of, or None if it is of another package."""
    first, _, rest = module.partition(".")
    if first != PACKAGE.name:
        return None
    name = rest.partition(".")[0]
    return name if name in MAY_USE else ""


def told(path: Path, found: Import) -> str:
    return f"{path.relative_to(PACKAGE.parent)}:{found.line} imports {found.module}"


def offenders(condition) -> list[str]:
    return [
        told(path, found)
        for path in FILES
        for found in imports_in(path)
        if condition(part_of(path), found)
    ]


def test_every_part_has_its_place():
    assert {part_of(path) for path in FILES} == set(MAY_USE), "say in MAY_USE what it may import"


def test_imports_inside_the_package_follow_the_arrows():
    def is_against(part: str, found: Import) -> bool:
        used = own_part(found.module)
        # The package itself gives only its version and names that are public anyway.
        return used not in (None, "", part) and used not in MAY_USE[part]

    assert offenders(is_against) == []


def test_only_the_network_and_the_compute_process_know_keras():
    def is_foreign(part: str, found: Import) -> bool:
        allowed = part == "fcn" or (part == "compute" and found.lazy)
        return found.package in NETWORK and not allowed

    assert offenders(is_foreign) == []


def test_only_the_widgets_know_napari_and_qt():
    assert offenders(lambda part, found: found.package in VIEWER and part != "ui") == []


def test_refinement_needs_little():
    standard = {*sys.stdlib_module_names, PACKAGE.name}
    allowed = standard | {"llvmlite", "numpy", "numba", "platformdirs", "pydensecrf"}
    assert offenders(lambda part, found: part == "crf" and found.package not in allowed) == []


def test_numba_is_only_for_the_refinement():
    assert offenders(lambda part, found: found.package == "numba" and part != "crf") == []


def test_base_modules_need_numpy_at_most():
    allowed = {*sys.stdlib_module_names, PACKAGE.name, "numpy"}

    def is_too_much(part: str, found: Import) -> bool:
        return part in BASE and not found.lazy and found.package not in allowed

    assert offenders(is_too_much) == []


def test_functions_and_commands_import_late_what_is_large():
    """Or `import napari_fcn_crf.pipeline` would import Keras in napari's process."""

    def is_early(part: str, found: Import) -> bool:
        large = found.package in HEAVY or own_part(found.module) in {"fcn", "crf"}
        return part in {"", "pipeline", "cli", "compute", *BASE} and large and not found.lazy

    assert offenders(is_early) == []


@pytest.mark.parametrize("part", ["", ".pipeline", ".cli", ".compute.service"])
def test_importing_brings_nothing_large(part):
    code = f"import sys, {PACKAGE.name}{part}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert not set(run.stdout.split()) & HEAVY


def test_files_are_short():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    long = {path.name: lines for path, lines in lengths.items() if lines > LIMIT_LINES}
    assert long == {}, "one idea a file"


def broad_handlers(source: str) -> list[int]:
    """Return the lines of handlers of every exception that do not raise it again."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = {ast.unparse(kind) for kind in caught if kind is not None}
        is_broad = node.type is None or names & {"Exception", "BaseException"}
        raises_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
        if is_broad and not raises_again:
            lines.append(node.lineno)
    return lines


def test_errors_are_swallowed_only_where_they_are_shown():
    """The widgets show any error, and the compute process sends it to its parent."""
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{line}"
        for path in FILES
        if part_of(path) not in {"ui", "compute"}
        for line in broad_handlers(path.read_text(encoding="utf-8"))
    ]
    assert found == []


TOLD = {"annotations", "fcn", "images", "model", "pipeline", "settings", "training_input"}
"""What the compute process runs, whose parent tells the user of an `InputError` and no other."""


def test_what_is_refused_is_told_to_the_user():
    assert set(MAY_USE) >= TOLD
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{node.lineno}"
        for path in FILES
        if part_of(path) in TOLD
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and ast.unparse(node.exc.func) in {"ValueError", "TypeError"}
    ]
    assert found == [], "raise an InputError, or an InputTypeError"


def test_the_checks_see_hidden_imports():
    source = """
import numpy as np
from . import sibling
from ..settings import CRFSettings
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import napari
else:
    import qtpy

def later():
    import keras.layers
    importlib.import_module("tensorflow")
    class Inner:
        from numba import njit
"""
    found = {(one.module, one.lazy) for one in imports_of(source, "napari_fcn_crf.crf.lattice")}
    assert found == {
        ("numpy", False),
        ("napari_fcn_crf.crf.sibling", False),
        ("napari_fcn_crf.settings.CRFSettings", False),
        ("typing.TYPE_CHECKING", False),
        ("qtpy", False),
        ("keras.layers", True),
        ("tensorflow", True),
        ("numba.njit", True),
    }


def test_the_checks_see_broad_handlers():
    source = """
try: pass
except ValueError: pass
try: pass
except: pass
try: pass
except (OSError, Exception): pass
try: pass
except BaseException:
    raise
"""
    assert broad_handlers(source) == [5, 7]
