"""What people install: the wheel's contents, and the plugin as found once it is installed."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest
from skimage.io import imread

ROOT = Path(__file__).parents[1]
NAME = "napari-fcn-crf"
NOT_SOURCE = shutil.ignore_patterns(
    ".*", "__pycache__", "*.egg-info", "build", "dist", "napari-fcn-crf-demo"
)
IMPORTED = """
import sys
before = set(sys.modules)
import napari_fcn_crf
print(*set(sys.modules) - before)
"""

SAMPLES_THROUGH_NPE2 = """
import json, sys
import numpy as np
from npe2 import PluginManager

manager = PluginManager.instance()
manager.discover()
manifest = manager.get_manifest("napari-fcn-crf")
found = {}
for sample in manifest.contributions.sample_data:
    layers = manager.commands.execute(sample.command)
    found[sample.key] = [[kind, int(np.sum(data))] for data, _, kind in layers]
import napari_fcn_crf
print(json.dumps({
    "package": napari_fcn_crf.__file__,
    "version": manifest.package_version,
    "samples": found,
    "loaded": list(sys.modules),
}))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the source, as building writes into it."""
    copy = tmp_path_factory.mktemp("source") / NAME
    shutil.copytree(ROOT, copy, ignore=NOT_SOURCE)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, source)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed_python(request, tmp_path_factory) -> str:
    """Python of an environment with the package; all it needs is this environment's."""
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / ("python.exe" if sys.platform == "win32" else "python"))
    libraries = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    # A path in a .pth file is searched, but the .pth files there are not read: an editable install
    # of the package in this environment stays unseen.
    Path(libraries, "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    if request.param == "wheel":
        what = [request.getfixturevalue("wheel")]
    else:
        what = ["--no-build-isolation", "--editable", request.getfixturevalue("source")]
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index"]
    # Without --ignore-installed pip would try to replace this environment's own install.
    run(*pip, "--no-deps", "--ignore-installed", *what)
    return python


def run(*command: object) -> str:
    """Run a command away from the source, and return its output."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=Path(sys.prefix)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_in(folder: Path) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_wheel_holds_all_that_it_should_and_no_more(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = files_in(ROOT / "napari_fcn_crf")
    samples = {f"napari_fcn_crf/{name}" for name in files_in(ROOT / "sample_data")}
    pages = {
        f"napari_fcn_crf/{name}"
        for name in files_in(ROOT / "docs")
        if name.endswith((".md", ".png")) and "/generated/" not in name
    }
    pages.add("napari_fcn_crf/docs/__init__.py")
    assert names == package | samples | pages | {"napari_fcn_crf_manifest/napari.yaml"}


def test_wheel_says_what_it_is(wheel):
    archive = zipfile.ZipFile(wheel)
    (folder,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    metadata = message_from_string(archive.read(f"{folder}/METADATA").decode())
    assert "Framework :: napari" in metadata.get_all("Classifier")
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert f"{folder}/licenses/LICENSE" in archive.namelist()
    assert metadata.get_payload().strip(), "the README is the description on PyPI"
    entry_points = archive.read(f"{folder}/entry_points.txt").decode()
    assert "napari-fcn-crf = napari_fcn_crf_manifest:napari.yaml" in entry_points
    assert "napari-fcn-crf = napari_fcn_crf.__main__:run" in entry_points


def test_installing_brings_neither_qt_nor_napari_nor_a_compilation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[^\w-]", line, maxsplit=1)[0].lower() for line in project["dependencies"]}
    qt = {"pyqt5", "pyqt6", "pyside2", "pyside6"}
    # pydensecrf and pydensecrf2 ship no wheels, and the first of them compiles nowhere any more.
    assert not needed & (qt | {"napari", "pydensecrf", "pydensecrf2"})


def test_every_dependency_has_its_reason():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("dependencies = [") + 1
    entries = lines[start : lines.index("]", start)]
    for above, entry in zip(["", *entries], entries, strict=False):
        is_requirement = entry.strip().startswith('"')
        assert not is_requirement or above.strip().startswith("#"), f"say why: {entry.strip()}"


def test_plugin_and_samples_are_found(installed_python):
    found = json.loads(run(installed_python, "-c", SAMPLES_THROUGH_NPE2).splitlines()[-1])
    assert Path(found["package"]).resolve().parents[1] != ROOT
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert found["version"] == project["version"]

    sums = {path.stem: int(imread(path).sum()) for path in (ROOT / "sample_data").glob("*.png")}
    assert found["samples"] == {
        "cat": [["image", sums["cat"]], ["labels", sums["cat_annotation"]]],
        "cat_scribbles": [["image", sums["cat"]], ["labels", sums["cat_scribbles"]]],
        "immunohistochemistry": [["image", sums["ihc"]], ["labels", sums["ihc_scribbles"]]],
    }
    assert not {"keras", "tensorflow", "numba"} & set(found["loaded"])


def test_command_is_installed(installed_python):
    command = Path(installed_python).with_name("napari-fcn-crf")
    assert "demo" in run(command, "--help")


def test_importing_brings_nothing_but_the_standard_library(installed_python):
    imported = {name.partition(".")[0] for name in run(installed_python, "-c", IMPORTED).split()}
    assert imported - sys.stdlib_module_names == {"napari_fcn_crf"}
