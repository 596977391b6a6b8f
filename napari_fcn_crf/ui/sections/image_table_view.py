"""View of the table of many images: a click on a row opens its result."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QTableView, QVBoxLayout, QWidget

from napari_fcn_crf.ui.sections.qt_parts import present
from napari_fcn_crf.ui.session.image_table import ImageTable, Row, in_words
from napari_fcn_crf.ui.session.timers import one_shot

_ROWS_SHOWN = 8
_SETTLE_MS = 100


class ImageTableView(QWidget):
    """The rows, how many of them are done, and what there is to say of the one that is chosen.

    Parameters
    ----------
    table : ImageTable
    on_opened : callable
        Told the row that was clicked on, or chosen by Enter.
    """

    def __init__(self, table: ImageTable, on_opened: Callable[[Row], None]) -> None:
        super().__init__()
        self._table = table
        self._on_opened = on_opened
        self.counts = QLabel()
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(table)
        self.view = QTableView()
        self.view.setModel(self._sorted)
        self.view.setSortingEnabled(True)
        present(self.view.horizontalHeader()).setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self._sorted.sort(-1)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setWordWrap(False)
        self.view.setTabKeyNavigation(False)
        self.view.setAccessibleName("Images, and what became of them")
        present(self.view.verticalHeader()).hide()
        header = present(self.view.horizontalHeader())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        self.view.clicked.connect(self._on_clicked)
        self.view.activated.connect(self._on_clicked)
        present(self.view.selectionModel()).currentChanged.connect(self._show_details)
        self.details = QLabel()
        self.details.setWordWrap(True)
        self.details.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.counts, self.view, self.details):
            layout.addWidget(widget)
        self._update_soon = one_shot(self, _SETTLE_MS, self._show_counts)
        table.modelReset.connect(self._on_reset)
        table.dataChanged.connect(self._on_changed)
        self._on_reset()

    def index_of(self, row: int) -> QModelIndex:
        """Return the index, in the view, of a row of the table."""
        return self._sorted.mapFromSource(self._table.index(row, 0))

    def _on_reset(self) -> None:
        self.setVisible(bool(self._table.rows))
        line = present(self.view.verticalHeader()).defaultSectionSize()
        shown = min(max(len(self._table.rows), 1), _ROWS_SHOWN)
        height = present(self.view.horizontalHeader()).sizeHint().height()
        self.view.setFixedHeight(height + shown * line + 2 * self.view.frameWidth())
        self._show_counts()

    def _on_changed(self) -> None:
        if not self._update_soon.isActive():
            self._update_soon.start()

    def _show_counts(self) -> None:
        self.counts.setText(in_words(self._table.rows))
        self._show_details()

    def _show_details(self, *_: object) -> None:
        row = self._row(self.view.currentIndex())
        if row is None:
            failed = next((one for one in self._table.rows if one.state == "failed"), None)
            text = f"{failed.name}: {failed.error}" if failed is not None else ""
        else:
            text = f"{row.name}: {row.error}" if row.error else ""
        if not text and any(one.is_done for one in self._table.rows):
            text = "Click on an image that is done to see its result."
        self.details.setText(text)
        self.details.setVisible(bool(text))

    def _row(self, index: QModelIndex) -> Row | None:
        return self._table.row_at(self._sorted.mapToSource(index))

    def _on_clicked(self, index: QModelIndex) -> None:
        row = self._row(index)
        if row is not None and row.is_done:
            self._on_opened(row)
