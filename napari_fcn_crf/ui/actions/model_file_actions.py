"""Export of the model that Predict uses, for programs that know nothing of this one."""

from __future__ import annotations

from pathlib import Path

from napari_fcn_crf.atomic_files import remove_unfinished
from napari_fcn_crf.compute.parent.service import Call, Job
from napari_fcn_crf.pipeline.model_export import check_ending
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.session import Session

_TASK = "napari_fcn_crf.compute.child.model_files:export_model"


def export_model(session: Session, path: Path) -> None:
    """Write the current model as `napari_fcn_crf.export_model` does, in the compute process.

    An example that goes into it is made up: nobody expects their image in a model that they share.

    Raises
    ------
    ValueError
        If there is no model, or the file's ending is none of those that say what is written.
    """
    check_ending(path)
    model = session.models.require()
    request = {
        "model_path": str(model.path.absolute()),
        "card": model.card.to_json(),
        "path": str(path.absolute()),
    }

    def work(_: Job[None], call: Call) -> None:
        try:
            call(_TASK, request)
        finally:
            # Of a process that was killed while it wrote.
            remove_unfinished(path)

    def start(on_progress: OnProgress) -> Job[None]:
        on_progress(Progress("Preparing"))
        return session.runner.service.start("exporting the model", work)

    session.runner.run_job(
        "export model",
        "Exporting the model",
        start,
        lambda _: tell(f"Wrote {path.name}, the model for other programs."),
    )
