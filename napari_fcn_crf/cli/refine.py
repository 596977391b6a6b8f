"""The command `refine`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fcn_crf.cli.command import Command
from napari_fcn_crf.cli.inputs import add_image_options, add_intensity, chosen, read_given
from napari_fcn_crf.cli.options import (
    add_output_folder,
    add_overwrite,
    add_settings,
    read_settings,
)
from napari_fcn_crf.cli.paths import check_free, one_file
from napari_fcn_crf.cli.progress_bar import progress_bar
from napari_fcn_crf.cli.told import Notes
from napari_fcn_crf.data.file_names import image_name
from napari_fcn_crf.data.image_folder import folder_for_results
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import ComputeSettings, CRFSettings, IntensityChoice

if TYPE_CHECKING:
    from napari_fcn_crf.model.card import ModelCard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("image", metavar="IMAGE")
    parser.add_argument(
        "probabilities",
        metavar="PROBABILITIES",
        help="a TIFF stack of one plane a class, or an OME-Zarr image, as `predict` writes them",
    )
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="start from the CRF settings kept with this model, and map intensities as it does",
    )
    add_output_folder(parser, "IMAGE_refined.tif and IMAGE_refined_probabilities.tif")
    add_overwrite(parser)
    add_image_options(parser)
    add_intensity(parser, "where type or range differ or no model is given")
    add_settings(parser, "CRF", CRFSettings)
    add_settings(parser, "device", ComputeSettings, ("threads",))


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    import numpy as np

    from napari_fcn_crf.batch.large_files import is_read_lazily
    from napari_fcn_crf.data import image_files
    from napari_fcn_crf.model.card import read_card
    from napari_fcn_crf.pipeline.refinement import limit_threads, refine

    limit_threads(read_settings(arguments, ComputeSettings).threads)
    card = None if arguments.model is None else read_card(one_file(arguments.model))
    if card is None and arguments.intensity == "model":
        raise InputError("--intensity model is the model's, but none was given. Add --model MODEL.")
    settings = read_settings(arguments, CRFSettings, None if card is None else card.crf)
    path, given = one_file(arguments.image), one_file(arguments.probabilities)
    if is_read_lazily(path) or is_read_lazily(given):
        _refine_large(path, given, settings, card, arguments)
        return
    image, read = read_given(path, arguments), image_files.read_probabilities(given)
    class_values = as_label_values(read.class_values)
    stem = image_name(path)
    labels_path = arguments.output / f"{stem}_refined.tif"
    probabilities_path = arguments.output / f"{stem}_refined_probabilities.tif"
    check_free(
        [labels_path, probabilities_path], overwrite=arguments.overwrite, inputs=[path, given]
    )
    folder = folder_for_results(arguments.output)
    notes = Notes()
    for note in image.notes:
        notes.add(note, path.name)
    intensity, note = _intensity(image, read.values.shape[1:], card, arguments.intensity)
    if note:
        notes.add(note, path.name)
    with progress_bar(path.name, notes) as on_progress:
        marginals = refine(
            image, read.values, settings, on_progress=on_progress, intensity=intensity
        )
    classes = marginals.argmax(axis=0)
    changed = np.mean(classes != read.values.argmax(axis=0))
    of = as_picture(image, spatial_shape=read.values.shape[1:])
    image_files.write_labels(labels_path, class_values[classes], "refine", of)
    image_files.write_probabilities(probabilities_path, marginals, read.class_values, "refine", of)
    say(f"{changed:.1%} of the pixels changed. Wrote {folder}")


def _refine_large(
    path: Path,
    given: Path,
    settings: CRFSettings,
    card: ModelCard | None,
    arguments: argparse.Namespace,
) -> None:
    """Refine block by block, into OME-Zarr."""
    from napari_fcn_crf.batch.large_files import (
        LargeRefinement,
        is_read_lazily,
        open_lazily,
        open_lazy_probabilities,
    )
    from napari_fcn_crf.data.lazy_intensity import lazy_mapping

    read = open_lazy_probabilities(given)
    if is_read_lazily(path):
        picture = chosen(open_lazily(path, arguments.axes), arguments)
    else:
        picture = read_given(path, arguments)
    picture = as_picture(picture, spatial_shape=tuple(map(int, read.array.shape[1:])))
    own = _model_of(picture, card, arguments.intensity)
    mapping, note = lazy_mapping(
        None if own is None else own.intensity, picture, arguments.intensity
    )
    stem = image_name(path)
    labels = arguments.output / f"{stem}_refined.zarr"
    probabilities = arguments.output / f"{stem}_refined_probabilities.zarr"
    check_free([labels, probabilities], overwrite=arguments.overwrite, inputs=[path, given])
    folder = folder_for_results(arguments.output)
    notes = Notes()
    for one in filter(None, (*picture.notes, note)):
        notes.add(one, path.name)
    classes = LabelClasses(read.class_values, ("",) * len(read.class_values))
    if card is not None and card.class_values == read.class_values:
        classes = LabelClasses(card.class_values, card.class_names, card.class_colours)
    work = LargeRefinement(picture, read, settings, mapping, classes, labels, probabilities)
    with progress_bar(path.name, notes) as on_progress:
        changed = work.run(on_progress)
    say(f"{changed:.1%} of the pixels changed. Wrote {folder}")


def _intensity(
    image: Picture,
    spatial_shape: tuple[int, ...],
    card: ModelCard | None,
    choice: IntensityChoice,
) -> tuple[IntensityMapping | None, str]:
    """Return how the image is mapped by a model, if it is, and what to say of it."""
    picture = as_picture(image, spatial_shape=spatial_shape)
    own = _model_of(picture, card, choice)
    if own is None:
        return None, ""
    return own.intensity.for_image(picture.channels_last(), choice)


def _model_of(
    picture: Picture, card: ModelCard | None, choice: IntensityChoice
) -> ModelCard | None:
    """Return the model by which an image is mapped, if it is by one."""
    if card is None or choice == "image" or picture.channels == card.channels:
        return None if choice == "image" else card
    if choice == "auto":
        return None
    raise InputError(
        f"--intensity model needs an image like the model's, of {card.channels} channels, but "
        f"this one has {picture.channels}. Choose channels, or --intensity image."
    )


COMMAND = Command("refine", "refine probabilities with the dense CRF", add_arguments, run)
