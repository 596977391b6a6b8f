"""The command `batch`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from napari_fcn_crf.batch.inputs import items_of
from napari_fcn_crf.batch.ledger import Ledger
from napari_fcn_crf.batch.objects import class_called
from napari_fcn_crf.batch.plan import Plan, check_outputs, make_plan
from napari_fcn_crf.batch.recipe import ObjectsWanted, Recipe
from napari_fcn_crf.cli.batch_bar import batch_bar
from napari_fcn_crf.cli.command import SOME_FAILED, Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.inputs import add_image_options, add_intensity, images_and_stores
from napari_fcn_crf.cli.options import add_output_folder, add_settings, read_settings
from napari_fcn_crf.cli.paths import one_file, user_path
from napari_fcn_crf.cli.told import Notes
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.data.ome_zarr.labels import Version
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted, say
from napari_fcn_crf.results.export.table import EXPORTS
from napari_fcn_crf.settings import ComputeSettings, CRFSettings, PredictionSettings

if TYPE_CHECKING:
    from napari_fcn_crf.batch.run import Executor
    from napari_fcn_crf.model.card import ModelCard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", metavar="MODEL", help="a .keras file from `train`")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="files, folders, or patterns such as 'plate1/*.tif', and OME-Zarr images and plates "
        "of any size; results of earlier runs are left out",
    )
    add_output_folder(parser, "IMAGE_refined.tif or .zarr, ledger.jsonl and maybe failed.txt")
    group = parser.add_argument_group("run")
    group.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    group.add_argument(
        "--retry-failed", action="store_true", help="do again what failed in an earlier run, too"
    )
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="do all images again, and replace files that are there already",
    )
    group.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="do the I-th of N parts of the images, counted from 1, as a job array does",
    )
    who = group.add_mutually_exclusive_group()
    who.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share the images, each with a network of its own. "
        "Default: %(default)s.",
    )
    who.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="let the workers of this dask.distributed scheduler do it, such as tcp://node1:8786; "
        "they need this package, and the same folders",
    )
    who.add_argument(
        "--scheduler-file",
        metavar="FILE",
        type=user_path,
        help="the same by the file that the scheduler wrote",
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--refine",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="refine with the CRF settings kept with the model, but for those given",
    )
    results.add_argument(
        "--minimum-px",
        type=_count,
        default=0,
        metavar="N",
        help="give regions of fewer pixels to their neighbours; of OME-Zarr images, plane by plane",
    )
    results.add_argument(
        "--objects",
        metavar="CLASS",
        help="number the objects of this class one by one, touching ones apart, in "
        "IMAGE_refined_objects, with a table of them as CSV; by its name or label",
    )
    results.add_argument(
        "--minimum-object-px",
        type=_count,
        metavar="N",
        help="let smaller objects join those that they touch, and go where they touch none. "
        "Default: a fifth of the typical object.",
    )
    results.add_argument(
        "--probabilities", action="store_true", help="write probabilities besides labels"
    )
    results.add_argument(
        "--export",
        dest="exports",
        action="append",
        default=[],
        choices=[one.name for one in EXPORTS],
        help="write labels of image files in this format as well; may be given several times, see "
        "`export`",
    )
    results.add_argument(
        "--into-images",
        action="store_true",
        help="write labels of OME-Zarr images into the images, as labels/refined",
    )
    results.add_argument(
        "--ome-zarr-version",
        choices=get_args(Version),
        default="0.4",
        help="of the labels of OME-Zarr images. Default: %(default)s.",
    )
    add_image_options(parser)
    add_intensity(parser, "where type or range differ")
    add_settings(parser, "prediction", PredictionSettings)
    add_settings(parser, "CRF", CRFSettings)
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_fcn_crf.batch.run import run_batch, write_failed
    from napari_fcn_crf.model.card import read_card
    from napari_fcn_crf.model.record import file_sha256

    model = one_file(arguments.model)
    card = read_card(model)
    recipe = _recipe(arguments, card)
    folder: Path = arguments.output
    given = images_and_stores(arguments.images)
    items = items_of(given, folder, recipe, into_images=arguments.into_images)
    part = ""
    if arguments.shard is not None:
        number, count = arguments.shard
        items, part = items[number - 1 :: count], f"{number}-of-{count}"
    ledger, job = Ledger(folder, part), recipe.digest(file_sha256(model))
    plan = make_plan(
        items,
        ledger.entries,
        job,
        overwrite=arguments.overwrite,
        retry_failed=arguments.retry_failed,
    )
    inputs = [model, *(item.path for item in items)]
    check_outputs(plan, ledger.entries, inputs, overwrite=arguments.overwrite)
    if arguments.dry_run:
        _say_plan(plan)
        _say_objects(recipe, card)
        return 0
    folder_for_results(folder)
    notes = Notes()
    failed = plan.failed
    if plan.to_do:
        executor = _executor(arguments, model, recipe)
        is_one = arguments.workers == 1 and not _scheduler(arguments)
        with batch_bar(len(plan.to_do), notes, is_one=is_one) as (on_outcome, on_progress):
            failed = run_batch(plan, ledger, job, executor, on_outcome, on_progress)
    notes.end()
    failed_path = folder / f"failed{f'-{part}' if part else ''}.txt"
    write_failed(failed_path, failed)
    _say_result(plan, len(failed), folder, failed_path.name)
    return SOME_FAILED if failed else 0


def _recipe(arguments: argparse.Namespace, card: ModelCard) -> Recipe:
    objects = None
    if arguments.objects is not None:
        value = class_called(card, arguments.objects)
        objects = ObjectsWanted(value, arguments.minimum_object_px)
    elif arguments.minimum_object_px is not None:
        raise InputError(
            "--minimum-object-px is of the objects that are numbered, but of none that was asked "
            "for. Give their class with --objects, or leave it out."
        )
    return Recipe(
        prediction=read_settings(arguments, PredictionSettings),
        crf=read_settings(arguments, CRFSettings, card.crf) if arguments.refine else None,
        intensity=arguments.intensity,
        minimum_px=arguments.minimum_px,
        probabilities=arguments.probabilities,
        axes=arguments.axes,
        channels=arguments.channels,
        exif=arguments.exif,
        ome_zarr_version=arguments.ome_zarr_version,
        exports=tuple(arguments.exports),
        objects=objects,
    )


def _executor(arguments: argparse.Namespace, model: Path, recipe: Recipe) -> Executor:
    from napari_fcn_crf.batch.cluster import Cluster
    from napari_fcn_crf.batch.here import Here
    from napari_fcn_crf.batch.processes import Processes

    compute = read_settings(arguments, ComputeSettings)
    if _scheduler(arguments):
        is_file = arguments.scheduler_file is not None
        return Cluster(_scheduler(arguments), is_file, model, recipe, compute, _say_beside)
    if arguments.workers > 1:
        return Processes(arguments.workers, model, recipe, compute)
    return Here(model, recipe, compute, lambda: load_backend(arguments))


def _say_beside(text: str) -> None:
    from tqdm import tqdm

    # Above the bar, if there is one.
    with tqdm.external_write_mode(sys.stderr):
        say(f"napari-fcn-crf: {text}", sys.stderr)


def _scheduler(arguments: argparse.Namespace) -> str:
    return str(arguments.scheduler or arguments.scheduler_file or "")


def _say_plan(plan: Plan) -> None:
    for item, reason in plan.to_do.items():
        say(f"would do     {item.path}  ({reason})")
    for item in plan.done:
        say(f"done         {item.path}")
    for item, error in plan.failed.items():
        say(f"failed       {item.path}  ({error})")
    say(f"{len(plan.to_do)} to do, {len(plan.done)} done, {len(plan.failed)} failed before")


def _say_objects(recipe: Recipe, card: ModelCard) -> None:
    if recipe.objects is not None:
        value = recipe.objects.value
        name = card.class_names[card.class_values.index(value)]
        say(f"of each, objects of {quoted(name)} ({value})")


def _say_result(plan: Plan, failed: int, folder: Path, list_name: str) -> None:
    new = len(plan.to_do) + len(plan.failed) - failed
    parts = [f"{new} image{'' if new == 1 else 's'} done"]
    if plan.done:
        parts.append(f"{len(plan.done)} done before")
    if failed:
        parts.append(f"{failed} failed, see {list_name}")
    again = " (--retry-failed does those that failed before)" if plan.failed else ""
    say(f"{', '.join(parts)}{again}. Results are in {folder}")


def _shard(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(
            f"expected a part and how many there are, from 1/8 to 8/8, but found {text!r}"
        )
    return int(found[1]), int(found[2])


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, but found {text!r}")
    return int(text)


COMMAND = Command("batch", "segment many images, and go on where it ended", add_arguments, run)
