"""Choice of what labels mean: what 0 is, whether numbers are objects', and what is left out."""

from __future__ import annotations

from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QWidget,
)

from napari_fcn_crf.data.label_doubts import Doubt, unknown_label
from napari_fcn_crf.data.objects import OBJECT_MODES
from napari_fcn_crf.settings import LabelMode
from napari_fcn_crf.ui.session.session import Session

_OTHERS: tuple[tuple[str, tuple[LabelMode, ...], str], ...] = (
    ("a class each", ("scribbles", "mask"), "Every number is a class."),
    (
        "objects",
        ("objects",),
        "Every object has a number of its own: one class for all of them, against the background. "
        "Split objects gives numbers back.",
    ),
    (
        "objects and borders",
        ("objects-border",),
        "The same, with the outermost pixels of each object as a class, which keeps touching ones "
        "apart.",
    ),
)


class MeaningChoice(QWidget):
    """Says what the chosen labels mean.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.scribbles_button = QRadioButton("not annotated")
        self.scribbles_button.setToolTip("Scribbles: pixels labelled 0 are left out of training.")
        self.mask_button = QRadioButton("background")
        self.mask_button.setToolTip("A full mask: 0 is a class of its own.")
        self._zero = QButtonGroup(self)
        zero_row = QHBoxLayout()
        for button in (self.scribbles_button, self.mask_button):
            self._zero.addButton(button)
            zero_row.addWidget(button)
        zero_row.addStretch()
        self._zero.buttonClicked.connect(self._on_zero_clicked)
        self.others = QComboBox()
        for text, _, _ in _OTHERS:
            self.others.addItem(text)
        self.others.activated.connect(self._on_others_chosen)
        self._void: int | None = None
        self.void_box = QCheckBox()
        self.void_box.setToolTip(
            "A label for what nobody knows, such as 255 around objects, or -1; it is left out of "
            "training, and is no class."
        )
        self.void_box.clicked.connect(self._on_void_clicked)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("0 means", zero_row)
        self._others_name = QLabel("Others are")
        form.addRow(self._others_name, self.others)
        form.addRow("", self.void_box)

    def update_controls(self) -> None:
        """Show what is chosen."""
        session, meaning = self._session, self._session.meaning
        mode, counted = meaning.mode, meaning.counts.statistics
        has_labels = session.selection.annotation is not None or bool(session.pairs.files)
        for widget in (self.scribbles_button, self.mask_button, self.others):
            widget.setEnabled(has_labels)
        self.scribbles_button.setChecked(mode == "scribbles")
        self.mask_button.setChecked(mode != "scribbles")
        row = next(row for row, (_, modes, _) in enumerate(_OTHERS) if mode in modes)
        self.others.setCurrentIndex(row)
        self.others.setToolTip(_OTHERS[row][2])
        self._void = meaning.ignore_label
        if self._void is None and counted is not None:
            self._void = unknown_label(counted)
        self.void_box.setText(f"not annotated either: {self._void}")
        self.void_box.setVisible(self._void is not None)
        self.void_box.setChecked(meaning.ignore_label is not None)

    def _on_zero_clicked(self) -> None:
        meaning = self._session.meaning
        mode: LabelMode = "scribbles"
        if self.mask_button.isChecked():
            mode = meaning.mode if meaning.mode in OBJECT_MODES else "mask"
        meaning.choose_mode(mode)

    def _on_others_chosen(self, row: int) -> None:
        meaning, modes = self._session.meaning, _OTHERS[row][1]
        if meaning.mode not in modes:
            # Objects lie on a background, and so do the classes that are chosen instead.
            meaning.choose_mode(modes[-1])

    def _on_void_clicked(self, is_on: bool) -> None:
        self._session.meaning.choose_ignore_label(self._void if is_on else None)


def in_the_dock(doubt: Doubt) -> str:
    """Return what labels look like, and what to do about it here."""
    advice = doubt.advice
    if "ignore_label" in doubt.remedy:
        void = doubt.remedy["ignore_label"]
        advice = f"Tick that {void} is not annotated either"
        if "labels" in doubt.remedy:
            advice = f"Let 0 mean background, and tick that {void} is not annotated"
    elif doubt.remedy:
        advice = "Let others be objects"
    return f"{doubt.looks} {advice}; or train on them as they are."
