"""Errors whose message is for the user: what was expected, what was found, and the remedy."""

from __future__ import annotations


class InputError(ValueError):
    """What was given cannot be used.

    A `ValueError` of any other origin is a fault of the program: its message is for the log.
    """


class InputTypeError(InputError, TypeError):
    """What was given is of a kind that cannot be used."""
