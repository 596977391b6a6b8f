"""What a command is: its name, its options and what it does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

SOME_FAILED = 3
"""Exit code where some of several images could not be done; each was named."""


@dataclass(frozen=True)
class Command:
    """One command of `napari-fcn-crf`.

    Parameters
    ----------
    name : str
    summary : str
        What it does, in a phrase for the list of commands.
    add_arguments : callable
        Adds what it takes to its parser.
    run : callable
        Does it and returns the exit code, if that is not 0; errors that it raises are shown in one
        line.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
