"""Message area: what was said last, in full, to be read at leisure, copied and closed."""

from __future__ import annotations

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout

from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.notices import Notice, board
from napari_fcn_crf.ui.session.session import Session

_MOST = 3
_SIGNS = {"info": "", "warning": "Please note: ", "error": "Not done: "}


class MessageArea(QFrame):
    """Shows the last notices until they are closed or other work begins."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._notices: list[Notice] = []
        self._work: object = None
        self.setObjectName("fcn_crf_messages")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.close_button = QToolButton()
        self.close_button.setText("✕")
        self.close_button.setToolTip("Close this message.")
        self.close_button.clicked.connect(self.clear)
        side = QVBoxLayout()
        side.addWidget(self.close_button)
        side.addStretch()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.addWidget(self.text, 1)
        layout.addLayout(side)
        board().told.connect(self.show_notice)
        session.runner.changed.connect(self._on_work_changed)
        follow(session.viewer.events.theme, self._apply_theme)
        self.hide()

    def show_notice(self, notice: Notice) -> None:
        """Show one more; the same one once."""
        others = [one for one in self._notices if one != notice]
        self._notices = [*others, notice][-_MOST:]
        self.text.setText("\n\n".join(_SIGNS[one.severity] + one.text for one in self._notices))
        self._apply_theme()
        self.show()

    def clear(self) -> None:
        """Show nothing."""
        self._notices = []
        self.hide()

    def _on_work_changed(self) -> None:
        before, self._work = self._work, self._session.runner.activity
        if self._work is not None and self._work is not before:
            self.clear()

    def _apply_theme(self, event: object = None) -> None:
        theme = get_theme(self._session.viewer.theme)
        serious = any(one.severity != "info" for one in self._notices)
        edge = theme.warning if serious else theme.highlight
        self.setStyleSheet(
            f"#fcn_crf_messages {{ background-color: {theme.foreground}; "
            f"border-left: 4px solid {edge}; }}"
        )
