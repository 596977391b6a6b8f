"""Keys that press the dock's buttons: free on every layer, known to napari, gone with the dock."""

from __future__ import annotations

import pytest
from napari import layers as napari_layers
from napari._app_model import get_app_model
from napari.components import ViewerModel
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction

from napari_fcn_crf.ui import shortcuts
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.conftest import wait_until_idle

OURS = {shortcut.action for shortcut in shortcuts.ALL}
LAYER_TYPES = [getattr(napari_layers, name) for name in ("Image", "Labels", "Points", "Shapes")]
LAYER_TYPES += [getattr(napari_layers, name) for name in ("Surface", "Tracks", "Vectors")]


def _keys_of_napari(viewer):
    """Every key that napari uses anywhere, but for ours: of layers, viewer and menus."""
    taken = {str(key) for name, keys in default_shortcuts.items() for key in keys}
    for name, keys in action_manager._shortcuts.items():
        if name not in OURS:
            taken |= {str(coerce_keybinding(key)) for key in keys}
    ours = {
        str(coerce_keybinding(key)) for shortcut in shortcuts.ALL for key in shortcut.chosen_keys()
    }
    for kind in LAYER_TYPES:
        for parent in kind.__mro__:
            taken |= {str(key) for key in getattr(parent, "class_keymap", {})}
    taken |= {str(key) for key in ViewerModel.class_keymap if str(key) not in ours}
    taken |= {str(key) for key in viewer.keymap}
    for action in viewer.window._qt_window.findChildren(QAction):
        text = action.shortcut().toString()
        if text and "," not in text:
            taken.add(text)
    return taken


def test_no_key_is_napari_s_own(viewer, panel):
    taken = _keys_of_napari(viewer)
    assert {"B", "Shift+P"} <= taken  # what these were once
    ours = [
        str(coerce_keybinding(key)) for shortcut in shortcuts.ALL for key in shortcut.chosen_keys()
    ]
    assert len(set(ours)) == len(shortcuts.ALL)
    assert not taken & {*ours, "Shift+F"}


@pytest.mark.parametrize("kind", ["image", "labels", "points", "shapes"])
def test_keys_work_whichever_layer_is_active(viewer, panel, session, qtbot, kind, two_squares):
    viewer.add_image(two_squares[0])
    viewer.add_labels(two_squares[1])
    viewer.window._qt_window.show()
    data = two_squares[1 if kind == "labels" else 0] if kind in ("image", "labels") else []
    viewer.layers.selection.active = getattr(viewer, f"add_{kind}")(data)
    pressed = []
    panel.steps[RefineStep].compare.toggle_button.clicked.connect(lambda: pressed.append("compare"))
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_B, Qt.KeyboardModifier.ShiftModifier)
    assert pressed == ["compare"]


def test_napari_lists_them_and_its_palette_finds_them(viewer, panel, session, qtbot, two_squares):
    from napari._qt.widgets.qt_command_palette import QCommandList
    from napari._qt.widgets.qt_keyboard_settings import ShortcutEditor

    editor = ShortcutEditor()
    qtbot.addWidget(editor)
    listed = {
        editor._table.item(row, 0).text(): editor._table.item(row, 2).text()
        for row in range(editor._table.rowCount())
    }
    assert {shortcut.title for shortcut in shortcuts.ALL} <= set(listed)
    assert "R" in listed[shortcuts.REFINE.title]

    app = get_app_model()
    commands = QCommandList()
    qtbot.addWidget(commands)
    menu = app.menus.get_menu(app.menus.COMMAND_PALETTE_ID)
    commands.extend_command([item.command for item in menu])
    (found,) = [hit for hit in commands.iter_top_hits("fcn-crf: tr") if "Train" in hit.title][:1]
    viewer.add_image(two_squares[0])
    viewer.add_labels(two_squares[1])
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 0
    qtbot.waitUntil(train.train_button.button.isEnabled)
    app.commands.execute_command(found.id)
    wait_until_idle(qtbot, session)
    assert session.models.model is not None


def test_they_go_with_the_dock(viewer, panel, qtbot):
    assert set(action_manager._actions) >= OURS
    viewer.window.remove_dock_widget("all")
    qtbot.waitUntil(lambda: not OURS & set(action_manager._actions))
    assert not OURS & set(action_manager._shortcuts)
    keys = {coerce_keybinding(key) for shortcut in shortcuts.ALL for key in shortcut.chosen_keys()}
    assert not keys & set(ViewerModel.class_keymap)
    assert not [name for name in get_app_model().commands if "press_" in str(name)]
