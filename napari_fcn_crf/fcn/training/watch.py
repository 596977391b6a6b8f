"""Progress, stopping, snapshots, preview and TensorBoard: what looks on while a network learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fcn_crf.fcn.training.preview import OnPreview
from napari_fcn_crf.fcn.training.run import TrainingResult
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.tensorboard.training_log import TrainingLog


@dataclass(frozen=True)
class TrainingWatch:
    """Who looks on while a network is trained, and may stop it.

    Parameters
    ----------
    on_progress : callable, optional
        Called after each step with its loss.
    should_stop : callable, optional
        Asked before each step; true ends the training with what was learnt so far.
    on_snapshot : callable, optional
        Called after the first step and then now and then, when the network's weights are worth
        keeping.
    on_preview : callable, optional
        Called now and then with the first example's probabilities.
    log : TrainingLog, optional
        Told of every step.
    """

    on_progress: OnProgress | None = None
    should_stop: ShouldStop | None = None
    on_snapshot: Callable[[TrainingResult], None] | None = None
    on_preview: OnPreview | None = None
    log: TrainingLog | None = None

    def stops(self) -> bool:
        """Return whether the training is to end."""
        return self.should_stop is not None and self.should_stop()

    def report(self, progress: Progress) -> None:
        """Tell how far it is."""
        if self.on_progress is not None:
            self.on_progress(progress)

    def before_patches(self, phase: str) -> Callable[[int, int], None]:
        """Return what tells how many patches are done, and ends the training if it is to end.

        Parameters
        ----------
        phase : str
            What is being done; empty to tell nothing.
        """

        def report(done: int, total: int) -> None:
            if self.stops():
                raise Cancelled
            if phase:
                self.report(Progress(phase, done, total))

        return report
