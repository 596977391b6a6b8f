"""Annotate (step 1): which image, which labels, what they mean, and how much is painted."""

from __future__ import annotations

from typing import ClassVar

from napari.layers import Labels
from qtpy.QtCore import Qt, SignalInstance
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
)

from napari_fcn_crf.data.annotation_summary import AnnotationSummary, summarize
from napari_fcn_crf.ui.actions.training_input import training_problem
from napari_fcn_crf.ui.sections.collapsible import collapsible
from napari_fcn_crf.ui.sections.layer_choice import LayerChoice
from napari_fcn_crf.ui.sections.meaning_choice import MeaningChoice, in_the_dock
from napari_fcn_crf.ui.sections.pairs_section import PairsSection
from napari_fcn_crf.ui.sections.picture_choice import PictureChoice
from napari_fcn_crf.ui.sections.qt_parts import present
from napari_fcn_crf.ui.session.first_labels import prepare_labels
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.steps.image import image_choice
from napari_fcn_crf.ui.steps.step import Step
from napari_fcn_crf.ui.viewer import layers
from napari_fcn_crf.ui.viewer.axes import check_labels_can_lie_on

_ROWS_SHOWN = 6
_FEWEST = 2
_HOW_TO_GO_ON = "The key = takes the next label, the key - the one before."


class AnnotateStep(Step):
    """Choose image and labels, and see what a training would learn from."""

    title: ClassVar[str] = "Annotate"
    page: ClassVar[str] = "where_to_paint"

    def build(self) -> None:
        selection = self.session.selection
        self.image_choice = image_choice(self.session)
        self.labels_choice = LayerChoice(
            self.session,
            layers.is_source_labels,
            lambda: selection.annotation,
            selection.pin_annotation,
            "no labels open",
            selection.annotation_changed,
        )
        self.new_labels_button = QPushButton("New labels")
        self.new_labels_button.clicked.connect(self._on_new_labels_clicked)
        labels_row = QHBoxLayout()
        labels_row.addWidget(self.labels_choice)
        labels_row.addWidget(self.new_labels_button)

        self.meaning = MeaningChoice(self.session)
        self.scribbles_button = self.meaning.scribbles_button
        self.mask_button = self.meaning.mask_button
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        self.picture = PictureChoice(self.session, self.attempt)
        form.addRow("Image", self.image_choice)
        form.addRow(self.picture)
        form.addRow("Labels", labels_row)
        form.addRow(self.meaning)
        self.body.addLayout(form)

        self.table = QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Label", "Class", "Pixels"])
        present(self.table.verticalHeader()).hide()
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.setToolTip("Double-click a class to name it; the name is kept in the model.")
        self.table.itemChanged.connect(self._on_item_changed)
        header = present(self.table.horizontalHeader())
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.body.addWidget(self.table)
        self.verdict: QLabel = self.add_text(self.kept)
        self.pairs = PairsSection(self.session, self.attempt)
        prepare_labels()
        more = collapsible("More images")
        more.addWidget(self.pairs)
        self.below.addWidget(more)

    def changes(self) -> tuple[SignalInstance, ...]:
        selection = self.session.selection
        return (
            selection.image_changed,
            selection.annotation_changed,
            self.session.pairs.changed,
            self.session.meaning.changed,
            self.session.class_names.changed,
        )

    def summary(self) -> str:
        selection = self.session.selection
        chosen = (selection.image, selection.annotation)
        return ", ".join(layer.name for layer in chosen if layer is not None)

    def update_controls(self) -> None:
        selection = self.session.selection
        self.new_labels_button.setEnabled(selection.image is not None)
        self.new_labels_button.setToolTip(
            "Add an empty labels layer on this image and take the brush."
            if selection.image is not None
            else "Open an image first."
        )
        self.meaning.update_controls()
        self._show_counts()

    def _show_counts(self) -> None:
        meaning = self.session.meaning
        labels, counts = self.session.selection.annotation, meaning.counts.statistics
        problem = training_problem(self.session)
        self.verdict.setText(verdict(self.session, problem))
        if labels is None or counts is None:
            self.table.hide()
        else:
            summary = summarize(counts, meaning.mode, meaning.ignore_label)
            self._fill_table(labels, summary)
        if counts is not None and not problem:
            self.session.runner.prepare()

    def _fill_table(self, labels: Labels, summary: AnnotationSummary) -> None:
        if self.table.state() == QTableWidget.State.EditingState:
            return
        self.table.blockSignals(True)
        self.table.setVisible(bool(summary.counts))
        self.table.setRowCount(len(summary.counts))
        for row, (value, count) in enumerate(summary.counts.items()):
            swatch = QPixmap(12, 12)
            colour = labels.get_color(value)
            swatch.fill(
                QColor.fromRgbF(*map(float, colour)) if colour is not None else QColor("gray")
            )
            name = self.session.class_names.of(value)
            number = QTableWidgetItem(QIcon(swatch), str(value))
            pixels = QTableWidgetItem(f"{count:,}".replace(",", " "))
            pixels.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            for item in (number, pixels):
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
            for column, item in enumerate((number, QTableWidgetItem(name), pixels)):
                self.table.setItem(row, column, item)
        self.table.blockSignals(False)
        rows = min(len(summary.counts), _ROWS_SHOWN)
        height = present(self.table.horizontalHeader()).height() + 4
        height += sum(self.table.rowHeight(row) for row in range(rows))
        self.table.setFixedHeight(height)

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        value = int(present(self.table.item(item.row(), 0)).text())
        self.session.class_names.name(value, item.text())

    def _on_new_labels_clicked(self) -> None:
        # Seen before napari is asked for the layer, which takes its time on a large image.
        self.verdict.setText("Adding an empty labels layer…")
        self.verdict.repaint()
        self.attempt(self._add_new_labels)
        self._show_counts()

    def _add_new_labels(self) -> None:
        selection = self.session.selection
        image = selection.require_image()
        check_labels_can_lie_on(image)
        selection.choose_annotation(layers.new_labels(self.session.viewer, image))
        self.session.screen.arrange(image, "new labels")


def verdict(session: Session, problem: str) -> str:
    """Return what a click on Train would do with the labels, or what is missing for it.

    Parameters
    ----------
    session : Session
    problem : str
        Why it would be refused; empty if it would not be.
    """
    selection, pairs, meaning = session.selection, session.pairs, session.meaning
    n_files, counted = len(pairs.files), meaning.counts.statistics
    labels = selection.annotation
    if labels is None and not pairs:
        if selection.image is None:
            return "Open an image, or try File > Open Sample > FCN-CRF."
        return (
            "Press New labels and paint a few strokes of each class, the background among them, "
            f"each with a label of its own. {_HOW_TO_GO_ON}"
        )
    if (labels is not None or n_files) and counted is None:
        return "Counting the labels…"
    if problem:
        painted = () if counted is None else [value for value in counted.values if value]
        is_for_strokes = labels is not None and meaning.mode == "scribbles"
        is_too_few = is_for_strokes and len(painted) < _FEWEST
        return f"{problem} {_HOW_TO_GO_ON}" if is_too_few else problem
    if meaning.doubt is not None:
        return in_the_dock(meaning.doubt)
    more = _more_images(len(pairs.layers), n_files)
    if counted is None:
        return f"Ready: {more}."
    summary = summarize(counted, meaning.mode, meaning.ignore_label)
    if summary.problem and not more:
        # Of the strokes before the last, which are not counted yet.
        return "Counting the labels…"
    n_classes = len(summary.counts)
    found = (
        f"{n_classes} {'class' if n_classes == 1 else 'classes'}, "
        f"{summary.annotated_fraction:.1%} of the pixels annotated"
    )
    if labels is None:
        found = f"{more}; in the first {found}"
    elif more:
        found = f"{found}; and {more}"
    return f"Ready: {found}. {summary.note}".rstrip()


def _more_images(n_pairs: int, n_files: int) -> str:
    said = []
    if n_pairs:
        said.append(f"{n_pairs} more {'pair' if n_pairs == 1 else 'pairs'} of layers")
    if n_files:
        said.append(f"{n_files} {'image' if n_files == 1 else 'images'} in files")
    return " and ".join(said)
