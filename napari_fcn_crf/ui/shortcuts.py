"""Keyboard shortcuts, so that the hand with the brush need not travel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_fcn_crf.ui.steps.run_button import RunButton

if TYPE_CHECKING:
    from napari.viewer import Viewer

TRAIN, PREDICT, REFINE = "Shift-T", "Shift-P", "Shift-R"


def bind(viewer: Viewer, keys: dict[str, RunButton]) -> None:
    """Let keys press buttons, and say so in the buttons' tooltips."""
    for key, run_button in keys.items():
        run_button.key = key
        viewer.bind_key(key, _pressing(run_button), overwrite=True)


def _pressing(run_button: RunButton) -> Callable[[object], None]:
    def press(viewer: object) -> None:
        try:
            run_button.press()
        except RuntimeError:
            # The dock is closed and the button gone; the key stays with the viewer.
            return

    return press
