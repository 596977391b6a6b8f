"""Errors of the compute process, in words for the person who waits for it."""

from __future__ import annotations

from pathlib import Path


class ComputeError(RuntimeError):
    """The compute process failed, through no fault of the input.

    Parameters
    ----------
    message : str
        One sentence for the user.
    details : str
        Traceback or the process's last output, for the log.
    model_path : Path, optional
        Where the model was kept that was learnt until then, if there is one.
    """

    def __init__(self, message: str, details: str = "", model_path: Path | None = None) -> None:
        super().__init__(message)
        self.details = details
        self.model_path = model_path


class ChildEndedError(ComputeError):
    """The compute process ended before its task did.

    Parameters
    ----------
    message, details, model_path
        As of `ComputeError`.
    task_began : bool
        Whether the process had begun with the task.
    """

    def __init__(
        self,
        message: str,
        details: str = "",
        model_path: Path | None = None,
        task_began: bool = True,
    ) -> None:
        super().__init__(message, details, model_path)
        self.task_began = task_began
