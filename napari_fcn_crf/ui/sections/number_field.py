"""Number field: a line in which a number is typed, taken as it is or not at all."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

_WIDTH_CHARACTERS = 7


class NumberField(QLineEdit):
    """Shows a number in six digits and hands on what is typed, exactly.

    Qt's own fields for numbers drop the keys that do not fit their range and digits, and so make
    16 of 1e-6.

    Parameters
    ----------
    name : str
        Of the number, for the sentence where something else is typed.
    take : callable
        Is given a number that was typed. It raises a ValueError to refuse it, which is shown; the
        field then shows again what it showed before.
    """

    def __init__(self, name: str, take: Callable[[float], None]) -> None:
        super().__init__()
        self._name = name
        self._take = take
        self._shown = ""
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("0" * _WIDTH_CHARACTERS) + 12)
        self.editingFinished.connect(self._on_editing_finished)

    def show_number(self, value: float) -> None:
        """Show a number that is set elsewhere."""
        self._shown = f"{value:.6g}"
        self.setText(self._shown)
        self.setCursorPosition(0)

    def _on_editing_finished(self) -> None:
        typed = self.text().strip().replace(",", ".")
        # What is shown may have fewer digits than what is set.
        if typed == self._shown:
            return
        try:
            self._take(self._number(typed))
        except ValueError as error:
            self.setText(self._shown)
            show_error(str(error))

    def _number(self, typed: str) -> float:
        try:
            number = float(typed)
        except ValueError:
            raise ValueError(
                f"{self._name} must be a number, but {typed[:20]!r} is none. Type one such as 0.5 "
                "or 1e-3."
            ) from None
        return int(number) if number.is_integer() else number
