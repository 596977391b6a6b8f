"""Training input: what a training would learn from, or in a sentence why there can be none."""

from __future__ import annotations

from dataclasses import dataclass

from napari.layers import Image, Labels

from napari_fcn_crf.data.annotation_summary import AnnotationSummary, summarize
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.layer_picture import check_same_place


@dataclass(frozen=True)
class TrainingInput:
    """Layers and files to train on.

    Parameters
    ----------
    pairs : list of (Image, Labels)
    pictures : list of Picture
        Of the images of `pairs`.
    files : tuple of PairFiles
        To train on as well.
    """

    pairs: list[tuple[Image, Labels]]
    pictures: list[Picture]
    files: tuple[PairFiles, ...]


def gather_training(session: Session) -> TrainingInput:
    """Return what a click on Train would train on.

    Raises
    ------
    ValueError
        If it would be refused; the message says what to do.
    """
    selection = session.selection
    pairs = selection.training_pairs()
    pictures = [selection.picture(image) for image, _ in pairs]
    for picture, (image, labels) in zip(pictures, pairs, strict=True):
        selection.require_own(labels, image)
        check_same_place(picture, labels)
    counted = summary_of_labels(selection)
    is_all = len(pairs) + len(selection.file_pairs) == 1
    # Of several, the others may have the classes that one lacks.
    if is_all and counted is not None and counted.problem:
        raise ValueError(counted.problem)
    return TrainingInput(pairs, pictures, selection.file_pairs)


def training_problem(session: Session) -> str:
    """Return why a click on Train would be refused; empty if it would not be."""
    try:
        gather_training(session)
    except ValueError as error:
        return str(error)
    return ""


def summary_of_labels(selection: Selection) -> AnnotationSummary | None:
    """Return the chosen labels in numbers, or those of the first file; None until counted."""
    statistics = selection.counts.statistics
    if statistics is None or not selection.counts.is_current:
        return None
    return summarize(statistics, selection.label_mode, selection.ignore_label)
