"""Number field: a line in which a number is typed, taken as it is or not at all."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_fcn_crf.ui.session.notices import tell_error

_WIDTH_CHARACTERS = 8
_MOST_DIGITS = 6


class NumberField(QLineEdit):
    """Shows a number in as many digits as fit, six at most, and hands on what is typed, exactly.

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
        self.setFixedWidth(self.fontMetrics().horizontalAdvance("0" * _WIDTH_CHARACTERS) + 6)
        self.editingFinished.connect(self.take_typed)

    def show_number(self, value: float) -> None:
        """Show a number that is set elsewhere."""
        texts = [f"{value:.{digits}g}" for digits in range(_MOST_DIGITS, 0, -1)]
        # Without the end of 1.23457e+06 it would look like one.
        self._shown = next((text for text in texts if len(text) <= _WIDTH_CHARACTERS), texts[-1])
        self.setText(self._shown)
        self.setCursorPosition(0)

    def take_typed(self) -> None:
        """Hand on what was typed, as leaving the field does; a click on a Mac does not leave it."""
        typed = self.text().strip().replace(",", ".")
        # What is shown may have fewer digits than what is set.
        if typed == self._shown:
            return
        try:
            self._take(self._number(typed))
        except ValueError as error:
            self.setText(self._shown)
            tell_error(error)

    def _number(self, typed: str) -> float:
        try:
            number = float(typed)
        except ValueError:
            raise ValueError(
                f"{self._name} must be a number, but {typed[:20]!r} is none. Type one such as 0.5 "
                "or 1e-3."
            ) from None
        return int(number) if number.is_integer() else number
