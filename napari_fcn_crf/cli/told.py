"""What a command says beside its result: errors in a sentence, and each kind of note once."""

from __future__ import annotations

import re
import sys

from napari_fcn_crf.input_error import sentence
from napari_fcn_crf.quoting import say

_NUMBER = re.compile(r"[-+]?[\d.]+(?:e[-+]?\d+)?|inf")


def say_error(error: Exception, of: str = "") -> None:
    """Print an error in one line, after the name of what it is of unless that is in it."""
    say_failure(sentence(error), of)


def say_failure(text: str, of: str = "") -> None:
    """Print what went wrong in one line, after the name of what it is of unless that is in it."""
    say(f"napari-fcn-crf: {'' if of in text else f'{of}: '}{text}", sys.stderr)


class Notes:
    """Notes of one run, each kind of which is said once, and counted after that."""

    def __init__(self) -> None:
        self._images: dict[str, list[str]] = {}

    def add(self, note: str, image: str = "") -> None:
        """Say a note of an image, if none of its kind was said.

        Notes are of one kind that differ in their numbers and the image's name.
        """
        kind = _NUMBER.sub("#", note.replace(image, "") if image else note)
        images = self._images.setdefault(kind, [])
        if not images:
            say(note if not image or image in note else f"{image}: {note}", sys.stderr)
        if image not in images:
            images.append(image)

    def end(self) -> None:
        """Say of how many images more each note is true."""
        for images in self._images.values():
            if len(images) > 1:
                more = f"{len(images) - 1} more image{'s' if len(images) > 2 else ''}"
                say(f"The same as of {images[0]} goes for {more}.", sys.stderr)
