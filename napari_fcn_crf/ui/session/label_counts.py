"""Label counts: the pixels of each label, counted in a thread a little after every stroke."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy.typing as npt
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.image_files import read_labels
from napari_fcn_crf.data.label_statistics import LabelStatistics, count_labels
from napari_fcn_crf.progress import Cancelled
from napari_fcn_crf.ui.session.lifetime import at_end_of, emit
from napari_fcn_crf.ui.session.timers import one_shot
from napari_fcn_crf.ui.viewer.axes import layer_array

if TYPE_CHECKING:
    from napari.viewer import Viewer

_DELAY_MS = 300


class LabelCounts(QObject):
    """Counts one labels layer, again whenever it is painted on.

    The array is read as it is, without a copy: a stroke that falls into the counting is followed by
    another one.

    Attributes
    ----------
    counted : Signal
        The counts are others, or true again.
    failed : Signal of Exception
        The labels could not be read.
    """

    counted = Signal()
    failed = Signal(object)
    _done = Signal(object, object)

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._latest: LabelStatistics | None = None
        self._with_borders = False
        self._ignore_label: int | None = None
        self._read: Callable[[], npt.ArrayLike] | None = None
        self._is_current = False
        self._viewer = viewer
        self._layer: Labels | None = None
        self._drawn_at: tuple[float, ...] = ()
        self._stop = threading.Event()
        self._later = one_shot(self, _DELAY_MS, self._count_layer)
        self._done.connect(self._on_done)
        at_end_of(self, self._forget)

    @property
    def latest(self) -> dict[int, int] | None:
        """Pixels of each label value, 0 among them; None before the first counting is done."""
        return None if self._latest is None else self._latest.values

    @property
    def statistics(self) -> LabelStatistics | None:
        """All that was counted; None before the first counting is done."""
        return self._latest

    @property
    def is_current(self) -> bool:
        """Whether nothing was painted since."""
        return self._is_current

    def watch(self, layer: Labels | None) -> None:
        """Count a layer, now and after every stroke."""
        self._later.stop()
        self._forget()
        self._layer = layer
        if layer is not None:
            layer.events.paint.connect(self._on_painted)
            layer.events.data.connect(self._on_painted)
            layer.events.labels_update.connect(self._on_painted)
            layer.events.set_data.connect(self._on_drawn)
            self._drawn_at = tuple(self._viewer.dims.point)
            self._count_layer()

    def read(self, path: Path) -> None:
        """Count the labels in a file."""
        self.watch(None)
        self._read = lambda: read_labels(path)
        self._count(self._read)

    def count_borders(self, wanted: bool, ignore_label: int | None) -> None:
        """Count the borders of objects as well, which takes longer, or no longer."""
        before = self._with_borders, self._ignore_label
        self._with_borders, self._ignore_label = wanted, ignore_label
        if wanted and before != (wanted, ignore_label) and self._read is not None:
            self._latest, self._is_current = None, False
            self._count(self._read)

    def _forget(self) -> None:
        self._stop.set()
        self._read = None
        self._latest, self._is_current = None, False
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.paint.disconnect(self._on_painted)
            layer.events.data.disconnect(self._on_painted)
            layer.events.labels_update.disconnect(self._on_painted)
            layer.events.set_data.disconnect(self._on_drawn)

    def _on_painted(self, event: object = None) -> None:
        self._is_current = False
        self._later.start()

    def _on_drawn(self, event: object = None) -> None:
        """Tell an undone stroke or new colours, of which there is no other word, from a slice."""
        before, self._drawn_at = self._drawn_at, tuple(self._viewer.dims.point)
        if self._drawn_at == before:
            self._on_painted()

    def _count_layer(self) -> None:
        if self._layer is not None:
            array = layer_array(self._layer)
            self._read = lambda: array
            self._count(self._read)

    def _count(self, read: Callable[[], npt.ArrayLike]) -> None:
        self._stop.set()
        self._stop = stop = threading.Event()
        borders, ignored = self._with_borders, self._ignore_label

        def work() -> None:
            try:
                counts = count_labels(read(), stop.is_set, borders=borders, ignore_label=ignored)
            except Cancelled:
                return
            except Exception as error:  # noqa: BLE001  shown to the user on the main thread
                emit(self, "_done", stop, error)
            else:
                emit(self, "_done", stop, counts)

        threading.Thread(target=work, name="fcn-crf label counts", daemon=True).start()

    def _on_done(self, stop: threading.Event, found: LabelStatistics | Exception) -> None:
        if stop is not self._stop or stop.is_set():
            return
        if isinstance(found, Exception):
            self.failed.emit(found)
            return
        self._latest, self._is_current = found, not self._later.isActive()
        self.counted.emit()
