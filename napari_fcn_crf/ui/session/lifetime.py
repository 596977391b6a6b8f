"""Lifetime of a widget, with which callbacks of napari's events, of threads, and threads end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

from napari.utils.events import EventEmitter
from qtpy.QtCore import QObject

Arguments = ParamSpec("Arguments")

_log = logging.getLogger(__name__)


def at_end_of(owner: QObject, end: Callable[[], object]) -> None:
    """Call something when Qt deletes an object, as it does with the widgets of a closed dock."""
    owner.destroyed.connect(lambda *_: end())


def follow(event: EventEmitter, method: Callable[..., None]) -> None:
    """Connect a method of a Qt object to an event of napari's for as long as the object lives.

    Qt's own signals know when their receiver is gone; napari's call on, and the first control that
    is touched then raises.
    """
    event.connect(method)
    at_end_of(owner_of(method), lambda: event.disconnect(method))


def while_alive(method: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """Return a method of a Qt object as a function that does nothing once the object is gone."""
    gone: list[bool] = []
    at_end_of(owner_of(method), lambda: gone.append(True))

    def call(*values: Arguments.args, **named: Arguments.kwargs) -> None:
        if not gone:
            method(*values, **named)

    return call


def emit(owner: QObject, signal: str, *values: object) -> None:
    """Emit a signal from a thread; nobody hears it when Qt has deleted its object meanwhile."""
    try:
        # To look it up raises as well.
        getattr(owner, signal).emit(*values)
    except RuntimeError:
        _log.debug("a thread went on after its widget was closed")


def owner_of(method: Callable[..., object]) -> QObject:
    """Return the Qt object that a method is of."""
    owner = getattr(method, "__self__", None)
    if not isinstance(owner, QObject):
        raise TypeError(f"Expected a method of a Qt object, but found {method!r}.")
    return owner
