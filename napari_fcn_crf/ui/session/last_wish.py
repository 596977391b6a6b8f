"""Last wish: what a thread is to do next, of which only the latest counts."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class LastWish(Generic[T]):
    """Holds the latest of what was wished for until a thread takes it; earlier ones are dropped."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._wish: T | None = None
        self._closed = False

    @property
    def is_there(self) -> bool:
        """Whether something was wished for that nobody has taken yet."""
        return self._wish is not None

    def put(self, wish: T) -> None:
        """Wish for something, instead of what was wished for before."""
        with self._condition:
            self._wish = wish
            self._condition.notify()

    def take(self) -> T | None:
        """Wait for a wish and return it; None when it is closed."""
        with self._condition:
            while self._wish is None and not self._closed:
                self._condition.wait()
            wish, self._wish = self._wish, None
            return None if self._closed else wish

    def close(self) -> None:
        """Let whoever waits go."""
        with self._condition:
            self._closed = True
            self._condition.notify()
