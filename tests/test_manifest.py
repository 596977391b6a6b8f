"""What napari.yaml promises exists, and stands where napari shows it.

npe2 itself accepts unknown keys, unknown menus and commands that nobody declared.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml
from npe2 import PluginManifest
from npe2.manifest.contributions import ContributionPoints

from napari_fcn_crf.results.export.table import EXPORTS

ROOT = Path(__file__).parents[1]
PATH = ROOT / "napari.yaml"

MENUS = {
    *(f"napari/file/{name}" for name in ("io_utilities", "acquire", "new_layer")),
    *(
        f"napari/layers/{name}"
        for name in (
            *("visualize", "annotate", "data", "metadata", "layer_type", "filter", "transform"),
            *("measure", "register", "project", "segment", "track", "classify"),
        )
    ),
}
"""The menus that napari lets a plugin fill; it is silent about entries for any other."""

CATEGORIES = {"Segmentation", "Annotation"}
WIDGETS = {"Load VGG weights", "Train", "Predict", "Refine (CRF)"}

RESOLVE = """
import importlib, json, sys
names = json.loads(sys.argv[1])
problems = []
for name in names:
    module, _, attribute = name.partition(":")
    if not callable(getattr(importlib.import_module(module), attribute, None)):
        problems.append(name)
print(json.dumps({"problems": problems, "loaded": list(sys.modules)}))
"""


@pytest.fixture(scope="module")
def manifest() -> dict:
    return yaml.safe_load(PATH.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def contributions(manifest) -> dict:
    return manifest["contributions"]


@pytest.fixture(scope="module")
def commands(contributions) -> set[str]:
    return {command["id"] for command in contributions["commands"]}


def test_npe2_reads_it(manifest):
    read = PluginManifest.from_file(PATH)
    assert read.name == manifest["name"] == "napari-fcn-crf"
    assert read.display_name == "FCN-CRF"


def test_it_has_no_unknown_keys(manifest, contributions):
    assert set(manifest) <= set(PluginManifest.model_fields)
    assert set(contributions) <= set(ContributionPoints.model_fields)
    # napari 0.9 ignores them: keys are bound on the viewer instead.
    assert "keybindings" not in contributions


def test_categories_are_ones_that_napari_knows(manifest):
    assert set(manifest["categories"]) <= CATEGORIES


def test_commands_are_named_once_and_belong_to_the_plugin(contributions, commands):
    assert len(commands) == len(contributions["commands"])
    assert all(command.startswith("napari-fcn-crf.") for command in commands)
    # By which the command palette finds them.
    assert all(command["title"].startswith("FCN-CRF: ") for command in contributions["commands"])


def test_every_command_exists_and_costs_no_import_of_keras(contributions):
    names = [command["python_name"] for command in contributions["commands"]]
    # A process of its own, as this one may have imported Keras for other tests.
    run = subprocess.run(
        [sys.executable, "-c", RESOLVE, json.dumps(names)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    answer = json.loads(run.stdout.splitlines()[-1])
    assert answer["problems"] == []
    late = {
        "keras",
        "tensorflow",
        "torch",
        "jax",
        "napari_fcn_crf.fcn.network",
        "napari_fcn_crf.fcn.layers",
        "napari_fcn_crf.crf._kernels",
    }
    assert not late & set(answer["loaded"])


def test_what_is_shown_is_a_declared_command(contributions, commands):
    menu_items = [item for items in contributions["menus"].values() for item in items]
    files = [*contributions["readers"], *contributions["writers"]]
    shown = [*contributions["widgets"], *contributions["sample_data"], *menu_items, *files]
    used = {item["command"] for item in shown}
    assert used == commands, "every command is shown somewhere, and nothing else is"


def test_menus_are_ones_that_napari_shows(contributions):
    assert set(contributions["menus"]) <= MENUS
    assert "napari/layers/segment" in contributions["menus"]


def test_each_step_is_a_widget_and_one_more_holds_them_all(contributions):
    names = [widget["display_name"] for widget in contributions["widgets"]]
    assert len(set(names)) == len(names)
    assert set(names) > WIDGETS


def test_samples_have_keys_of_their_own(contributions):
    keys = [sample["key"] for sample in contributions["sample_data"]]
    assert len(set(keys)) == len(keys) == 3
    assert all(sample["display_name"].strip() for sample in contributions["sample_data"])


def test_preferences_page_is_one_that_napari_can_show(contributions):
    for key, page in contributions["configurations"].items():
        # A capital letter here makes the whole Preferences dialog fail.
        assert key == key.lower()
        assert key.isidentifier()
        assert page["title"].strip()
        for name, setting in page["properties"].items():
            assert {"title", "default", "type"} <= set(setting), name
            assert setting["default"] in setting.get("enum", [setting["default"]]), name
            # napari shows a number with two decimals, and saves 1e-4 as 0.0.
            assert setting["type"] != "number", name


def test_preferences_offer_what_the_settings_know(contributions):
    from napari_fcn_crf.settings import DEVICES, ComputeSettings
    from napari_fcn_crf.settings_base import describe

    (page,) = contributions["configurations"].values()
    settings = {name: setting["default"] for name, setting in page["properties"].items()}
    assert settings == ComputeSettings().to_dict()
    assert tuple(page["properties"]["device"]["enum"]) == DEVICES
    kinds = {str: "string", bool: "boolean", int: "integer"}
    for name, known in describe(ComputeSettings).items():
        shown = page["properties"][name]
        assert shown["title"] == known.options["label"], name
        assert shown["description"] == known.text, name
        assert shown["type"] == kinds.get(known.type, "string"), name
        assert shown.get("minimum") == known.options.get("min"), name
        if choices := get_args(known.type):
            assert tuple(shown["enum"]) == choices, name


def test_napari_saves_in_each_format(contributions):
    offered = {
        (one["command"].removeprefix("napari-fcn-crf.write_").replace("_", "-"), kind): tuple(
            one["filename_extensions"]
        )
        for one in contributions["writers"]
        for kind in one["layer_types"]
    }
    expected = {(one.name, "labels"): one.suffixes for one in EXPORTS}
    expected |= {
        (one.name, "image"): one.suffixes for one in EXPORTS if "probabilities" in one.takes
    }
    assert offered == expected
