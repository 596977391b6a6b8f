"""First labels of a process: what napari imports for them, before somebody waits for it."""

from __future__ import annotations

import threading
from contextlib import suppress
from importlib import import_module


def prepare_labels() -> threading.Thread:
    """Import pandas in a thread, which napari does for its first labels layer, for half a second.

    A layer that is made before the thread is done waits for it.
    """

    def load() -> None:
        # Another napari may do without.
        with suppress(ImportError):
            import_module("pandas")

    thread = threading.Thread(target=load, name="fcn-crf first labels", daemon=True)
    thread.start()
    return thread
