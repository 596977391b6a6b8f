"""Predict a folder: from the images in it to files of results, which a click opens as layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_fcn_crf.batch.in_service import FAILED, Ended, UnderWay, segment_in_service
from napari_fcn_crf.batch.inputs import Item, images_of, items_of
from napari_fcn_crf.batch.ledger import Ledger
from napari_fcn_crf.batch.plan import Plan, make_plan, obstacles
from napari_fcn_crf.batch.recipe import ObjectsWanted, Recipe
from napari_fcn_crf.compute.parent.service import Job
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.model.record import file_sha256
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.quoting import quoted
from napari_fcn_crf.ui.session.image_table import ImageTable, Row, in_words
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.preferences import compute_settings
from napari_fcn_crf.ui.session.session import Session

KIND = "predict"


def predict_folder(session: Session) -> None:
    """Segment the images of the chosen folder that are not done yet, or have failed.

    Raises
    ------
    ValueError
        If there is no model, or no folder is chosen.
    """
    model, many = session.models.require(), session.many
    choice = many.choice
    if not choice.folder:
        raise ValueError("No folder of images is chosen yet. Press Choose… and choose one.")
    folder, results = Path(choice.folder), Path(choice.results or choice.folder)
    value = many.objects_in(model.card)
    recipe = Recipe(
        crf=session.choices.crf if choice.refines else None,
        minimum_px=choice.minimum_px,
        exports=tuple(choice.exports),
        objects=None if value is None else ObjectsWanted(value),
    )
    threads = compute_settings().threads

    def start(on_progress: OnProgress) -> Job[dict[Item, str]]:
        on_progress(Progress("Looking for images"))
        items = items_of(images_of(folder), folder_for_results(results), recipe)
        ledger, job = Ledger(results), recipe.digest(file_sha256(model.path))
        plan = make_plan(items, ledger.entries, job, retry_failed=True)
        read = [model.path, *(item.path for item in items)]
        refused = {
            item: f"The result would replace {quoted(str(one.path), 100)}, {one.why}. Move that "
            "away, or choose another folder for the results."
            for item, one in obstacles(plan, ledger.entries, read, overwrite=False).items()
        }
        rows = [_row(item, plan, refused) for item in items]
        on_progress(Progress("Looking for images", partial=rows))
        to_do = {item: why for item, why in plan.to_do.items() if item not in refused}
        return segment_in_service(
            session.runner.service,
            Plan(to_do, plan.done, refused),
            ledger,
            job,
            model.path,
            recipe,
            threads,
        )

    def keep(failed: dict[Item, str]) -> None:
        said = in_words(many.table.rows)
        if failed:
            tell(f"{said}: see the table, or {FAILED} in {results}.", "warning")
        else:
            tell(f"{said}. The results are in {results}.")

    session.runner.require_idle()
    many.begin(model.card)
    session.runner.run_job(KIND, "Segmenting images", start, keep, _showing(many.table))


def _row(item: Item, plan: Plan, refused: dict[Item, str]) -> Row:
    place = str(item.path)
    if item in refused:
        return Row(item, item.path.name, "failed", error=refused[item], place=place)
    return Row(
        item, item.path.name, "waiting" if item in plan.to_do else "done before", place=place
    )


def _showing(table: ImageTable) -> Callable[[Any], None]:
    """Return what brings the table up to date with what the work tells."""

    def show(told: list[Row] | UnderWay | Ended) -> None:
        if isinstance(told, list):
            table.show(told)
        elif isinstance(told, UnderWay):
            table.change(told.item, state="under way", doing=told.progress.in_words())
        else:
            outcome = told.outcome
            table.change(
                told.item,
                state="failed" if outcome.error else "done",
                doing="",
                error=outcome.error,
                seconds=outcome.seconds,
            )

    return show
