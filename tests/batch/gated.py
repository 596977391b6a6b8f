"""Batch, or a worker of a cluster, that waits at a gate once so much is done.

`python gated.py batch ...` is `napari-fcn-crf batch ...`, and `python gated.py worker ...` is
`dask worker ...`. However fast a machine is, there is something left to be done when a test ends
one of the processes; and however slow, that process is in the midst of it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from napari_fcn_crf.batch import cluster_worker, here, processes

FOLDER, WATCHED, LIMIT = "BATCH_GATE_FOLDER", "BATCH_GATE_WATCHED", "BATCH_GATE_LIMIT"


class Gate:
    """A gate as a test holds it.

    Parameters
    ----------
    folder : Path
        Of its own; made here.
    watched : str
        Pattern of the files of which there are more with each task that is done.
    limit : int
        Of them, at which the gate is closed.
    """

    def __init__(self, folder: Path, watched: str, limit: int) -> None:
        folder.mkdir()
        self._folder = folder
        self.environment = os.environ | {
            FOLDER: str(folder),
            WATCHED: watched,
            LIMIT: str(limit),
        }

    def waiting(self) -> set[int]:
        """Return the processes that have a task in hand and wait."""
        return {int(path.name) for path in self._folder.glob("[0-9]*")}

    def open(self) -> None:
        """Let them go on."""
        (self._folder / "open").touch()


def command(*arguments: object) -> list[str]:
    """Return the command line of a batch or worker that waits."""
    return [sys.executable, __file__, *map(str, arguments)]


def _wait() -> None:
    folder = Path(os.environ[FOLDER])
    watched = Path(os.environ[WATCHED])
    while (
        len(list(watched.parent.glob(watched.name))) >= int(os.environ[LIMIT])
        and not (folder / "open").exists()
    ):
        (folder / str(os.getpid())).touch()
        time.sleep(0.005)


def _install() -> None:
    """Let tasks wait, in this process or in one that it starts, which runs this file, too."""
    start_network = here.start_network

    def start(*arguments: Any) -> None:
        start_network(*arguments)
        # Not before the backend is loaded.
        from napari_fcn_crf.batch.segmentation import Segmenter

        carry_out = Segmenter.carry_out

        def wait_and_carry_out(self: Segmenter, task: Any, *arguments: Any) -> Any:
            if task.step in ("all", "block"):
                _wait()
            return carry_out(self, task, *arguments)

        Segmenter.carry_out = wait_and_carry_out  # type: ignore[method-assign]

    for module in (here, processes, cluster_worker):
        module.start_network = start  # type: ignore[attr-defined]


if __name__ in ("__main__", "__mp_main__"):
    _install()

if __name__ == "__main__":
    if sys.argv[1] == "worker":
        from distributed.cli.dask_worker import main

        main(sys.argv[2:])
    else:
        from napari_fcn_crf.__main__ import run
        from napari_fcn_crf.cli import interrupt

        # However busy the machine is, Ctrl-C leaves the time to tidy up.
        interrupt._GRACE_S = 240
        run()
