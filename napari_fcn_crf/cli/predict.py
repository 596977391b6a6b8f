"""The command `predict`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from napari_fcn_crf.batch.inputs import items_of
from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.cli.command import SOME_FAILED, Command
from napari_fcn_crf.cli.device import add_device, load_backend
from napari_fcn_crf.cli.inputs import (
    add_image_options,
    add_intensity,
    images_and_stores,
    read_given,
)
from napari_fcn_crf.cli.options import (
    add_output_folder,
    add_overwrite,
    add_settings,
    read_settings,
)
from napari_fcn_crf.cli.paths import check_free, one_file
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.cli.told import Notes, say_error
from napari_fcn_crf.data.file_names import image_name
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import PredictionSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("model", metavar="MODEL", help="a .keras file from `train`")
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGE",
        help="files, folders, or patterns such as 'plate1/*.tif', and OME-Zarr images; results of "
        "earlier runs are left out",
    )
    add_output_folder(
        parser,
        "IMAGE_predicted.tif and IMAGE_predicted_probabilities.tif; of OME-Zarr images and TIFF "
        "files of more than 2 GiB, which are done block by block, the same as .zarr",
    )
    add_overwrite(parser)
    add_image_options(parser)
    add_intensity(parser, "where type or range differ")
    add_settings(parser, "prediction", PredictionSettings)
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_fcn_crf.batch.large_files import is_read_lazily, segment_large
    from napari_fcn_crf.batch.segmentation import Segmenter
    from napari_fcn_crf.data import image_files
    from napari_fcn_crf.model.card import read_card
    from napari_fcn_crf.pipeline import models, prediction

    settings = read_settings(arguments, PredictionSettings)
    given_images = images_and_stores(arguments.images)
    _check_distinct(given_images)
    model_path = one_file(arguments.model)
    card = read_card(model_path)
    recipe = Recipe(
        prediction=settings,
        intensity=arguments.intensity,
        probabilities=True,
        axes=arguments.axes,
        channels=arguments.channels,
        exif=arguments.exif,
    )
    lazy = [path for path in given_images if is_read_lazily(path)]
    items = items_of(lazy, arguments.output, recipe)
    images = [path for path in given_images if path not in lazy]
    targets = {path: _targets(arguments.output, path) for path in images}
    check_free(
        [
            *(target for both in targets.values() for target in both),
            *(target for item in items for target in item.outputs),
        ],
        overwrite=arguments.overwrite,
        inputs=[model_path, *images, *(item.path for item in items)],
    )
    notes = Notes()
    # Mistakes in the first show before the backend loads, which takes seconds.
    pictures = _readable(images, card, arguments, notes, len(images) + len(items))
    first = next(pictures, None)
    if first is None and not items:
        return SOME_FAILED
    folder = folder_for_results(arguments.output)
    load_backend(arguments)
    model = models.load_model(model_path)
    count = 0
    total = len(images) + len(items)
    segmenter = Segmenter(model, recipe)
    for item in items:
        try:
            with progress_bar(item.path.name, notes) as on_progress:
                segment_large(segmenter, item, on_progress)
        except InputError as error:
            _say_or_raise(error, item.path, total)
        else:
            count += 1
    given: tuple[Path, Picture] | None = first
    while given is not None:
        path, picture = given
        labels_path, probabilities_path = targets[path]
        try:
            with progress_bar(path.name, notes) as on_progress:
                probabilities = prediction.predict(
                    model,
                    picture,
                    settings,
                    on_progress=on_progress,
                    intensity=arguments.intensity,
                )
        except (InputError, MemoryError) as error:
            _say_or_raise(error, path, total)
        else:
            of = as_picture(picture, channels=card.channels)
            image_files.write_probabilities(
                probabilities_path, probabilities, card.class_values, "predict", of
            )
            image_files.write_labels(labels_path, card.to_labels(probabilities), "predict", of)
            count += 1
        given = next(pictures, None)
    notes.end()
    of_all = f" of {total}" if count < total else ""
    several = "s" if total > 1 else ""
    say(f"{count}{of_all} image{several} predicted. Wrote {folder}")
    return SOME_FAILED if count < total else 0


def _readable(
    images: list[Path], card: ModelCard, arguments: argparse.Namespace, notes: Notes, total: int
) -> Iterator[tuple[Path, Picture]]:
    """Iterate over the images that can be predicted, and name the others."""
    from napari_fcn_crf.pipeline import prediction

    for path in images:
        try:
            picture = read_given(path, arguments)
            prediction.check_prediction_input(card, picture)
        except (InputError, OSError, MemoryError) as error:
            _say_or_raise(error, path, total)
            continue
        for note in picture.notes:
            notes.add(note, path.name)
        yield path, picture


def _say_or_raise(error: Exception, path: Path, total: int) -> None:
    if total == 1:
        raise error
    say_error(error, path.name)


def _targets(folder: Path, image: Path) -> tuple[Path, Path]:
    stem = image_name(image)
    return folder / f"{stem}_predicted.tif", folder / f"{stem}_predicted_probabilities.tif"


def _check_distinct(images: list[Path]) -> None:
    seen: dict[str, Path] = {}
    for path in images:
        # As systems see it that do not tell capitals from small letters.
        name = image_name(path).casefold()
        if name in seen:
            raise InputError(
                f"The results are named after the images, but {seen[name]} and {path} have "
                "the same name. Predict them into two folders."
            )
        seen[name] = path


COMMAND = Command("predict", "predict images with a trained model", add_arguments, run)
