"""Table of many images: what is done with each, and what became of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from napari_fcn_crf.progress import time_in_words

RowState = Literal["waiting", "under way", "done", "done before", "failed", "not done"]

AnyIndex = QModelIndex | QPersistentModelIndex

_COLUMNS = ("Image", "State", "Took")
_IMAGE, _STATE, _TOOK = range(3)
_TOP = QModelIndex()


@dataclass(frozen=True)
class Row:
    """What the table says of one image.

    Parameters
    ----------
    key : hashable
        What it is: a file's item, or a layer.
    name : str
    state : {"waiting", "under way", "done", "done before", "failed", "not done"}
    doing : str
        What is done with it just now.
    error : str
        Why it failed.
    seconds : float
        That it took.
    place : str
        Where it is, for the tooltip.
    """

    key: Hashable
    name: str
    state: RowState = "waiting"
    doing: str = ""
    error: str = ""
    seconds: float = 0.0
    place: str = ""

    @property
    def is_done(self) -> bool:
        """Whether there is a result to be opened."""
        return self.state in ("done", "done before")


class ImageTable(QAbstractTableModel):
    """The rows, for any number of views."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._at: dict[Hashable, int] = {}

    @property
    def rows(self) -> tuple[Row, ...]:
        """What it says now."""
        return tuple(self._rows)

    def show(self, rows: Sequence[Row]) -> None:
        """Show other images."""
        self.beginResetModel()
        self._rows = list(rows)
        self._at = {row.key: at for at, row in enumerate(rows)}
        self.endResetModel()

    def change(self, key: Hashable, **changes: Any) -> None:
        """Say something else of an image; of one that is not in it, nothing."""
        at = self._at.get(key)
        if at is None:
            return
        changed = replace(self._rows[at], **changes)
        if changed != self._rows[at]:
            self._rows[at] = changed
            self.dataChanged.emit(self.index(at, 0), self.index(at, len(_COLUMNS) - 1))

    def let_go(self, key: Hashable) -> None:
        """Say of an image that it was closed, and hold it no longer."""
        at = self._at.pop(key, None)
        if at is not None:
            closed = ("closed", at)
            self._at[closed] = at
            self._rows[at] = replace(self._rows[at], key=closed)
            self.change(closed, state="not done", doing="closed")

    def stop(self) -> None:
        """Say of what is neither done nor failed that it will not be."""
        for row in self.rows:
            if row.state in ("waiting", "under way"):
                self.change(row.key, state="not done", doing="")

    def rowCount(self, parent: AnyIndex = _TOP) -> int:
        """Return how many images there are."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = _TOP) -> int:
        """Return how many things are said of each."""
        return 0 if parent.isValid() else len(_COLUMNS)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the title of a column."""
        is_title = role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section] if is_title and orientation == Qt.Orientation.Horizontal else None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (row.name, _state_in_words(row), _took(row))[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.error or row.place or row.name
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == _TOOK:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def row_at(self, index: AnyIndex) -> Row | None:
        """Return the row of an index, or None if it is of none."""
        return self._rows[index.row()] if index.isValid() else None


def in_words(rows: Sequence[Row]) -> str:
    """Return what became of some images: "12 of 40 done, 1 failed"."""
    done = sum(row.is_done for row in rows)
    before = sum(row.state == "done before" for row in rows)
    failed = sum(row.state == "failed" for row in rows)
    parts = [f"{done} of {len(rows)} done"]
    if before:
        parts[0] += f", {before} of them before" if before < done else " already"
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)


def _state_in_words(row: Row) -> str:
    if row.state == "failed":
        return f"failed: {row.error}"
    return row.doing or row.state


def _took(row: Row) -> str:
    return time_in_words(row.seconds) if row.state == "done" else ""
