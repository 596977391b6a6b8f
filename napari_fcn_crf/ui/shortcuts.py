"""Keyboard shortcuts: napari's own, shown in Preferences > Shortcuts and in the command palette.

Each is Shift and a letter that no type of layer and no viewer of napari's uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import napari
from napari._app_model import get_app_model
from napari.components import ViewerModel
from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from psygnal import EmitLoopError
from qtpy.QtCore import QObject

from napari_fcn_crf.ui.session.lifetime import at_end_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

_PACKAGE = "napari-fcn-crf"


@dataclass(frozen=True)
class Shortcut:
    """A button that a key presses.

    Parameters
    ----------
    name : str
        By which napari knows it.
    key : str
        Unless another is chosen in Preferences.
    title : str
        What it is called there, and in the command palette.
    """

    name: str
    key: str
    title: str

    @property
    def action(self) -> str:
        """Name of the action in napari's list of shortcuts."""
        return f"{_PACKAGE}:{self.name}"

    def chosen_keys(self) -> list[str]:
        """Return the keys as they are set in Preferences."""
        chosen = get_settings().shortcuts.shortcuts.get(self.action)
        return [self.key] if chosen is None else [str(key) for key in chosen]


TRAIN = Shortcut("train", "Shift-T", "FCN-CRF: Train")
PREDICT = Shortcut("predict", "Shift-D", "FCN-CRF: Predict")
REFINE = Shortcut("refine", "Shift-R", "FCN-CRF: Refine")
COMPARE = Shortcut("compare", "Shift-B", "FCN-CRF: Before / after")
GO = Shortcut("most_uncertain", "Shift-N", "FCN-CRF: Go to the next most uncertain region")
LIVE = Shortcut("live", "Shift-F", "FCN-CRF: Live, labels follow the brush")
OBJECTS = Shortcut("objects", "Shift-O", "FCN-CRF: Preview the objects")
ALL = (TRAIN, PREDICT, REFINE, COMPARE, GO, LIVE, OBJECTS)

_bound: dict[tuple[int, str], Callable[[], object]] = {}
"""What a key does, by the viewer's identity and the shortcut's name; of docks that are open."""

_dispose: list[Callable[[], None]] = []


def bind(viewer: Viewer, presses: Mapping[Shortcut, Callable[[], object]], owner: QObject) -> None:
    """Let keys press buttons of one viewer for as long as a dock is open.

    Parameters
    ----------
    viewer : Viewer
    presses : mapping of Shortcut to callable
        What presses the button.
    owner : QObject
        With which the keys end.
    """
    mine = {(id(viewer), shortcut.name): press for shortcut, press in presses.items()}
    if mine and not _bound:
        _register()
    _bound.update(mine)

    def release() -> None:
        for key, press in mine.items():
            if _bound.get(key) is press:
                del _bound[key]
        if mine and not _bound:
            _unregister()

    at_end_of(owner, release)


def _register() -> None:
    presses = {shortcut: _pressing(shortcut) for shortcut in ALL}
    for shortcut, press in presses.items():
        action_manager.register_action(shortcut.action, press, shortcut.title, ViewerModel)
        for key in shortcut.chosen_keys():
            action_manager.bind_shortcut(shortcut.action, key)
    with _palette_changing():
        for shortcut, press in presses.items():
            taken_back = get_app_model().register_action(
                f"{_PACKAGE}.press_{shortcut.name}",
                shortcut.title,
                callback=_pressing_in_current_viewer(press),
            )
            _dispose.append(taken_back)


def _unregister() -> None:
    for shortcut in ALL:
        action_manager.unbind_shortcut(shortcut.action)
        # napari has no way to take an action back, and would go on showing it.
        action_manager._actions.pop(shortcut.action, None)
    with _palette_changing():
        while _dispose:
            # The menus of a napari that is being closed may be gone before it.
            with suppress(KeyError):
                _dispose.pop()()


@contextmanager
def _palette_changing() -> Iterator[None]:
    """Tell napari's palettes of a change once, and do not mind those whose windows are closed."""
    menus = get_app_model().menus
    with menus.menus_changed.blocked():
        yield
    with suppress(EmitLoopError):
        menus.menus_changed.emit({menus.COMMAND_PALETTE_ID})


def _pressing(shortcut: Shortcut) -> Callable[[ViewerModel], None]:
    def press(viewer: ViewerModel) -> None:
        pressed = _bound.get((id(viewer), shortcut.name))
        if pressed is not None:
            pressed()

    press.__name__ = f"fcn_crf_{shortcut.name}"
    return press


def _pressing_in_current_viewer(press: Callable[[ViewerModel], None]) -> Callable[[], None]:
    def press_there() -> None:
        viewer = napari.current_viewer()
        if viewer is not None:
            press(getattr(viewer, "__wrapped__", viewer))

    return press_there
