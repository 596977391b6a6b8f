"""Protocol buffers' wire form: a message's fields, found in a mapped file without parsing it all.

References
----------
https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from napari_fcn_crf.input_error import InputError

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
_WIDTHS = {FIXED_64: 8, FIXED_32: 4}
_LONGEST_VARINT = 10


class Field(NamedTuple):
    """A field of a message.

    Parameters
    ----------
    number : int
        By which the schema names it.
    value : int or slice
        A whole number, or where its bytes are.
    """

    number: int
    value: int | slice


class TooManyFieldsError(InputError):
    """There are more fields than were to be looked at."""


@dataclass
class Budget:
    """How many more fields may be looked at: a file of twenty million is no network."""

    left: int

    def take(self) -> None:
        """Count one field."""
        self.left -= 1
        if self.left < 0:
            raise TooManyFieldsError("more fields than any network has")


def fields(buffer: memoryview, place: slice, budget: Budget) -> Iterator[Field]:
    """Iterate over the fields of the message at a place in a buffer.

    Raises
    ------
    ValueError
        If it is no message, or there are more fields than the budget has (`TooManyFieldsError`).
    """
    at, stop = place.start, place.stop
    while at < stop:
        budget.take()
        key, at = _varint(buffer, at, stop)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(buffer, at, stop)
            yield Field(number, value)
            continue
        if kind == BYTES:
            length, at = _varint(buffer, at, stop)
        elif kind in _WIDTHS:
            length = _WIDTHS[kind]
        else:
            raise InputError(f"a field of the kind {kind}")
        if not number or length > stop - at:
            raise InputError("a field longer than its message")
        yield Field(number, slice(at, at + length))
        at += length


def varints(buffer: memoryview, place: slice, budget: Budget) -> Iterator[int]:
    """Iterate over packed whole numbers."""
    at = place.start
    while at < place.stop:
        budget.take()
        value, at = _varint(buffer, at, place.stop)
        yield value


def _varint(buffer: memoryview, at: int, stop: int) -> tuple[int, int]:
    """Return the number that starts at a byte, and where the next one does."""
    value = 0
    for shift in range(_LONGEST_VARINT):
        if at >= stop:
            break
        byte = buffer[at]
        at += 1
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at
    raise InputError("a number without an end")
