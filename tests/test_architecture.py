"""Imports go one way: ui, cli -> batch -> pipeline, compute -> fcn, crf, results -> the rest."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_fcn_crf
from tests.imports import Import, imports_of

PACKAGE = Path(__file__).parents[1] / "napari_fcn_crf"
FILES = sorted(PACKAGE.rglob("*.py"))

GROUND = {
    "atomic_files": {"input_error", "quoting"},
    "backbones": {"settings"},
    "input_error": set(),
    "progress": set(),
    "quoting": set(),
    "settings": {"settings_base"},
    "settings_base": {"input_error"},
    "threads": set(),
    "zip_files": {"input_error"},
}
"""The modules on the ground floor, which every room may use, and what they use of each other."""

ROOMS = {
    # The public names, imported on first use, and the version.
    "": {"compute", "model", "pipeline"},
    "__main__": {"cli"},
    "batch": {
        "compute",
        "compute.child",
        "compute.parent",
        "data",
        "data.ome_zarr",
        "fcn.heads",
        "model",
        "pipeline",
        "results",
        "results.export",
    },
    "cli": {
        "batch",
        "compute",
        "compute.child",
        "data",
        "data.ome_zarr",
        "demo",
        "fcn.heads",
        "model",
        "pipeline",
        "results.export",
        "weights",
        "weights.formats",
    },
    "compute": {"fcn.devices"},
    "compute.child": {
        "compute",
        "fcn.devices",
        "fcn.model_file",
        "fcn.training",
        "model",
        "pipeline",
        "weights",
    },
    "compute.parent": {"compute", "data", "model"},
    "crf": {"crf._kernels", "data"},
    "crf._kernels": {"kernels"},
    "crf.live": {"crf"},
    "crf.tuning": {"crf", "data"},
    "data": {"data.reading"},
    "data.ome_zarr": {"data", "data.reading"},
    "data.reading": set(),
    "demo": {"data", "pipeline", "results", "weights"},
    "fcn": {"fcn.heads", "fcn.layers", "fcn.start", "weights"},
    "fcn.batches": {"data", "fcn.layers"},
    "fcn.devices": set(),
    "fcn.elsewhere": {"data", "fcn.layers", "fcn.onnx_graph", "model"},
    "fcn.heads": {"fcn.hypercolumns", "fcn.layers"},
    "fcn.hypercolumns": {"fcn.batches", "fcn.layers", "fcn.linear"},
    "fcn.layers": set(),
    "fcn.linear": {"data", "kernels"},
    "fcn.model_file": {"fcn.optimizer", "model", "weights.formats"},
    "fcn.onnx_graph": {"data", "fcn.layers", "model"},
    "fcn.optimizer": {"fcn.devices", "model"},
    "fcn.prediction": {"fcn.devices", "fcn.heads", "fcn.layers", "fcn.linear"},
    "fcn.start": {"fcn.heads", "fcn.layers"},
    "fcn.tensorboard": {"fcn.layers", "fcn.optimizer", "fcn.prediction"},
    "fcn.training": {
        "data",
        "fcn.batches",
        "fcn.devices",
        "fcn.heads",
        "fcn.hypercolumns",
        "fcn.layers",
        "fcn.linear",
        "fcn.optimizer",
        "fcn.prediction",
        "results",
    },
    "kernels": set(),
    "live": {"crf.live", "data", "fcn.linear", "fcn.training", "results"},
    "model": {"data"},
    "pipeline": {
        "fcn.batches",
        "fcn.heads",
        "crf",
        "data",
        "fcn",
        "fcn.devices",
        "fcn.elsewhere",
        "fcn.linear",
        "fcn.model_file",
        "fcn.optimizer",
        "fcn.prediction",
        "fcn.tensorboard",
        "fcn.training",
        "live",
        "model",
        "results",
        "results.export",
    },
    "results": {"data"},
    "results.export": {"data", "data.ome_zarr", "results"},
    "ui": {
        "data",
        "results.export",
        "ui.actions",
        "ui.sections",
        "ui.session",
        "ui.steps",
        "ui.viewer",
    },
    "ui.actions": {
        "batch",
        "compute.parent",
        "crf.tuning",
        "data",
        "data.ome_zarr",
        "fcn.heads",
        "model",
        "pipeline",
        "results",
        "results.export",
        "ui.session",
        "ui.viewer",
        "weights",
    },
    "ui.sections": {
        "crf",
        "crf.live",
        "data",
        "fcn.heads",
        "results.export",
        "ui.actions",
        "ui.session",
        "ui.viewer",
    },
    "ui.session": {
        "compute",
        "compute.parent",
        "data",
        "fcn.heads",
        "live",
        "model",
        "pipeline",
        "results",
        "ui.viewer",
    },
    "ui.steps": {
        "compute",
        "data",
        "pipeline",
        "ui.actions",
        "ui.sections",
        "ui.session",
        "ui.viewer",
        "weights",
        "weights.formats",
    },
    "ui.viewer": {"data", "data.ome_zarr", "model", "results", "results.export"},
    "weights": {"weights.formats"},
    "weights.formats": set(),
}
"""Which other rooms (folders) each room may import from."""

HEAVY = {"numba", "keras", "tensorflow", "torch", "jax", "h5py", "napari", "qtpy", "matplotlib"}
HEAVY |= {"zarr", "numcodecs", "dask", "distributed"}
NETWORK = {"keras", "tensorflow", "torch", "jax"}
VIEWER = {"napari", "npe2", "qtpy", "magicgui", "superqt", "vispy", "app_model"}
VIEWER |= {"PyQt5", "PyQt6", "PySide2", "PySide6"}

LIGHT = {*GROUND, "data", "model", "results"}
"""What all others build on."""

LIMIT_LINES = 500


def room_of(path: Path) -> str:
    """Return which room a file is in: its folder, or itself at the top."""
    relative = path.relative_to(PACKAGE)
    name = ".".join(relative.parent.parts) or relative.stem
    return "" if name == "__init__" else name


def part_of(path: Path) -> str:
    """Return which part of the package a file belongs to: a folder at the top, or itself there."""
    return room_of(path).partition(".")[0]


@cache
def imports_in(path: Path) -> list[Import]:
    names = [PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts]
    is_package = names[-1] == "__init__"
    module = ".".join(names[:-1] if is_package else names)
    return imports_of(path.read_text(encoding="utf-8"), module, is_package)


def own_part(module: str) -> str | None:
    """Return which part of the package a module is of, or None if it is of another package."""
    first, _, rest = module.partition(".")
    return rest.partition(".")[0] if first == PACKAGE.name else None


def own_room(module: str) -> str | None:
    """Return which room an import leads to, or None if it is of another package."""
    first, *names = module.split(".")
    if first != PACKAGE.name:
        return None
    while names and not PACKAGE.joinpath(*names).with_suffix(".py").exists():
        if PACKAGE.joinpath(*names).is_dir():
            return ".".join(names)
        names.pop()
    return ".".join(names[:-1]) or (names[0] if names else "")


def told(path: Path, found: Import) -> str:
    return f"{path.relative_to(PACKAGE.parent)}:{found.line} imports {found.module}"


def offenders(condition) -> list[str]:
    return [
        told(path, found)
        for path in FILES
        for found in imports_in(path)
        if condition(part_of(path), found)
    ]


def arrows() -> dict[str, set[str]]:
    """Return which rooms each room imports from."""
    found: dict[str, set[str]] = {}
    for path in FILES:
        room = room_of(path)
        used = {own_room(one.module) for one in imports_in(path)}
        # The package itself gives only its version and names that are public anyway.
        found.setdefault(room, set()).update(used - {None, "", room})
    # It names the homes of what is public in a table.
    for home in napari_fcn_crf._HOME.values():
        found[""].add(own_room(f"{PACKAGE.name}.{home}"))
    return found


def test_imports_inside_the_package_follow_the_arrows():
    found = arrows()
    ground = {name: found.pop(name) for name in GROUND}
    assert ground == GROUND
    assert {room: used - set(GROUND) for room, used in found.items()} == ROOMS


def test_no_room_imports_itself_through_others():
    TopologicalSorter(ROOMS).prepare()


def test_only_the_network_and_the_compute_process_know_keras():
    def is_foreign(part: str, found: Import) -> bool:
        # TensorFlow itself reads its checkpoints.
        allowed = part == "fcn" or (part in {"compute", "weights"} and found.lazy)
        return found.package in NETWORK and not allowed

    assert offenders(is_foreign) == []


def test_only_the_widgets_know_napari_and_qt():
    assert offenders(lambda part, found: found.package in VIEWER and part != "ui") == []


def test_only_what_reads_and_writes_knows_zarr():
    """All else takes an array as it is, and asks it for one region at a time."""
    lazy = {"zarr", "numcodecs", "dask", "yaozarrs"}
    assert offenders(lambda part, found: found.package in lazy and part != "data") == []


def test_the_dock_shows_in_full_all_that_napari_is_told():
    """Its notifications show some forty characters of it."""
    shown = "napari.utils.notifications.show_"
    found = [path.name for path in FILES if any(shown in one.module for one in imports_in(path))]
    assert found == ["notices.py"]


def test_refinement_needs_little():
    standard = {*sys.stdlib_module_names, PACKAGE.name}
    allowed = standard | {"llvmlite", "numpy", "numba", "platformdirs", "pydensecrf"}
    assert offenders(lambda part, found: part == "crf" and found.package not in allowed) == []


def test_numba_is_only_for_kernels():
    rooms = ("crf", "kernels")
    assert offenders(lambda part, found: found.package == "numba" and part not in rooms) == []


def test_what_all_build_on_needs_numpy_at_most():
    allowed = {*sys.stdlib_module_names, PACKAGE.name, "numpy"}

    def is_too_much(part: str, found: Import) -> bool:
        return part in LIGHT and not found.lazy and found.package not in allowed

    assert offenders(is_too_much) == []


def test_functions_and_commands_import_late_what_is_large():
    """Or `import napari_fcn_crf.pipeline.training` would import Keras in napari's process."""

    def is_early(part: str, found: Import) -> bool:
        large = found.package in HEAVY or own_part(found.module) in {"fcn", "crf"}
        return part in {"", "pipeline", "cli", "compute", *LIGHT} and large and not found.lazy

    assert offenders(is_early) == []


@pytest.mark.parametrize("part", ["", ".pipeline.training", ".cli.main", ".compute.parent.service"])
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


NAMED = {"crf", "fcn", "pipeline", "weights"}
EMPTY = {"a", "an", "how", "one", "now", "the", "what", "where", "whether", "which"}


def test_modules_begin_with_the_name_of_what_they_hold():
    """So that who searches for "optimizer", "batch" or "tile" lands in the right file."""
    found = []
    for path in FILES:
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "The"
        if part_of(path) in NAMED and said.split()[0].lower() in EMPTY:
            found.append(f"{path.relative_to(PACKAGE.parent)}: {said.splitlines()[0]}")
    assert found == []


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
    """Widgets show any error, the compute process sends it to its parent, a batch goes on."""
    found = [
        f"{path.relative_to(PACKAGE.parent)}:{line}"
        for path in FILES
        if part_of(path) not in {"ui", "compute", "batch"}
        for line in broad_handlers(path.read_text(encoding="utf-8"))
    ]
    assert found == []


TOLD = {"data", "fcn", "model", "pipeline", "settings", "settings_base", "weights"}
"""What the compute process runs, whose parent tells the user of an `InputError` and no other."""


def test_what_is_refused_is_told_to_the_user():
    assert {room.partition(".")[0] for room in ROOMS} | set(GROUND) >= TOLD
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
