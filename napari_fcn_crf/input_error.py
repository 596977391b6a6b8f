"""Errors whose message is for the user: what was expected, what was found, and the remedy."""

from __future__ import annotations


class InputError(ValueError):
    """What was given cannot be used.

    A `ValueError` of any other origin is a fault of the program: its message is for the log.
    """


class InputTypeError(InputError, TypeError):
    """What was given is of a kind that cannot be used."""


def sentence(error: Exception) -> str:
    """Return what is said of an error to the user, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}."
    elif isinstance(error, MemoryError):
        text = str(error) or "There is not enough memory. Use a smaller image."
    elif isinstance(error, ValueError | TypeError | OSError | ImportError):
        text = str(error)
    else:
        # Of a library's own kind, which may say next to nothing.
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())
