"""Training input: what a training would learn from, or in a sentence why there can be none."""

from __future__ import annotations

from dataclasses import dataclass

from napari.layers import Image, Labels

from napari_fcn_crf.data.annotation_summary import AnnotationSummary, summarize
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
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
    pairs, files = training_pairs(session), session.pairs.files
    pictures = [selection.picture(image) for image, _ in pairs]
    for picture, (image, labels) in zip(pictures, pairs, strict=True):
        selection.require_own(labels, image)
        check_same_place(picture, labels)
    counted = summary_of_labels(session.meaning)
    is_all = len(pairs) + len(files) == 1
    # Of several, the others may have the classes that one lacks.
    if is_all and counted is not None and counted.problem:
        raise ValueError(counted.problem)
    return TrainingInput(pairs, pictures, files)


def training_pairs(session: Session) -> list[tuple[Image, Labels]]:
    """Return the layers to train on: the chosen pair, then the added ones.

    There may be none where there are pairs in files.

    Raises
    ------
    ValueError
        If there is none; the message says what to do.
    """
    selection, pairs, counts = session.selection, session.pairs, session.meaning.counts
    if selection.image is None or selection.annotation is None:
        if pairs:
            return list(pairs.layers)
        selection.require_image()
        raise ValueError(
            "Training needs a labels layer, but none is open. Press New labels and paint some "
            "pixels of each class."
        )
    chosen = (selection.image, selection.annotation)
    # A chosen pair without a stroke is the one to predict, not to train on.
    is_empty = counts.is_current and set(counts.latest or {0}) == {0}
    if pairs and is_empty:
        return list(pairs.layers)
    return [chosen, *(pair for pair in pairs.layers if pair != chosen)]


def training_problem(session: Session) -> str:
    """Return why a click on Train would be refused; empty if it would not be."""
    try:
        gather_training(session)
    except ValueError as error:
        return str(error)
    return ""


def summary_of_labels(meaning: LabelMeaning) -> AnnotationSummary | None:
    """Return the chosen labels in numbers, or those of the first file; None until counted."""
    statistics = meaning.counts.statistics
    if statistics is None or not meaning.counts.is_current:
        return None
    return summarize(statistics, meaning.mode, meaning.ignore_label)
