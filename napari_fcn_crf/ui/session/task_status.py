"""Task status: what napari asks about before its window closes while something still runs."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.utils.task_status import Status
from qtpy.QtCore import QObject

from napari_fcn_crf.ui.session.runner import Runner

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_fcn_crf.ui.session.activity import Activity

_PROVIDER = "FCN-CRF"


class TaskStatus(QObject):
    """Tells napari of the work under way, so that closing the window asks first."""

    def __init__(self, viewer: Viewer, runner: Runner, parent: QObject) -> None:
        super().__init__(parent)
        # Not public in napari, which has no other way for work that is none of its own threads'.
        self._register: Any = getattr(viewer.window, "_register_task_status", None)
        self._update: Any = getattr(viewer.window, "_update_task_status", None)
        self._runner = runner
        self._told: tuple[Activity, object] | None = None
        runner.changed.connect(self._on_work_changed)

    def _on_work_changed(self) -> None:
        activity = self._runner.activity
        if self._told is not None and self._told[0] is not activity:
            ended, number = self._told
            self._told = None
            self._update(number, Status.CANCELLED if ended.is_cancelling else Status.COMPLETED)
        if activity is not None and self._told is None and self._register is not None:
            number = self._register(_PROVIDER, Status.BUSY, activity.title, _cancelling(activity))
            self._told = activity, number


def _cancelling(activity: Activity) -> Any:
    """Return what napari calls when the window closes, for work that ended long ago as well."""
    reference = weakref.ref(activity)

    def cancel() -> bool:
        running = reference()
        if running is None or running.has_ended:
            return False
        running.cancel()
        return True

    return cancel
