"""What pages say of the code, they read from it; and links and pictures lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import napari_fcn_crf
from docs.generate import pages
from napari_fcn_crf.cli.main import COMMANDS
from napari_fcn_crf.settings_base import describe

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("use/*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)|\{(?:include|literalinclude)\} (\S+)")


@pytest.mark.parametrize("kind", pages.SETTINGS.values(), ids=pages.SETTINGS)
def test_every_setting_has_its_text_and_range(kind):
    listed = pages.settings_list(kind)
    for name, known in describe(kind).items():
        assert f"`{name}`\n" in listed
        assert known.text.split(".")[0].split("`")[0].split("*")[0][:30] in listed
        assert known.bounds is None or known.bounds.text in listed


def test_every_command_has_its_help():
    listed = pages.command_list()
    for command in COMMANDS:
        assert f"## napari-fcn-crf {command.name}\n" in listed
        assert f"usage: napari-fcn-crf {command.name} [-h]" in listed


def test_every_public_name_is_in_the_reference():
    listed = pages.function_list()
    for name in napari_fcn_crf.__all__:
        assert re.search(rf"auto(class|function):: napari_fcn_crf\.{name}\n", listed)


def test_keys_are_those_of_the_dock():
    assert "| Shift-T | Train |" in pages.key_table()


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated")
    pages.write_all(folder)
    return folder


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md"], ids=lambda path: path.stem)
def test_links_lead_somewhere(path, generated):
    for page, included in LINK.findall(path.read_text("utf-8")):
        target = page or included
        if "generated/" in target:
            assert (generated / Path(target).name).read_text("utf-8").strip()
        elif not target.startswith("http"):
            assert (path.parent / target).is_file(), target


def test_all_pages_are_in_the_table_of_contents():
    index = (DOCS / "index.md").read_text("utf-8").splitlines()
    for path in PAGES:
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        assert name == "index" or name in index


def test_pages_of_uses_show_their_scripts_and_pictures():
    for script in DOCS.glob("examples/*.py"):
        if script.stem == "show":
            continue
        text = (DOCS / "use" / f"{script.stem}.md").read_text("utf-8")
        assert f"../examples/{script.name}" in text
        assert f"../images/examples/{script.stem}.png" in text


def test_question_marks_lead_to_pages():
    steps = ROOT / "napari_fcn_crf" / "ui" / "steps"
    found = [
        name
        for path in steps.glob("*.py")
        for name in re.findall(r'page: ClassVar\[str\] = "(\w+)"', path.read_text("utf-8"))
    ]
    assert len(found) >= 6
    for name in found:
        assert (DOCS / f"{name}.md").is_file(), name
