"""Text from outside, such as a file's name or what it holds, as part of a sentence of ours."""

from __future__ import annotations

import sys
from typing import TextIO

_LONGEST = 60


def printable(text: str) -> str:
    """Return a text as one line that cannot move a terminal's cursor or change its colours."""
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "?" for letter in text
    )


def quoted(text: str, longest: int = _LONGEST) -> str:
    """Return a text as part of one line, without the middle of what is longer than `longest`."""
    if len(text) > longest:
        end = (longest - 1) // 2
        text = f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"
    return printable(text)


def say(text: str, file: TextIO | None = None) -> None:
    """Print one line on a terminal, standard output unless another is given."""
    print(printable(text), file=file or sys.stdout, flush=True)
