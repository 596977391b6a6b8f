"""Training: from annotated images to a model.

Keras is imported when it is needed, not with this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE, annotated_planes, class_indices_by_strips
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.data.mapped_image import MappedImage
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model import record
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.pipeline.lazy_images import lazy_pictures, read_for_training
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.pipeline.training_input import (
    Arrays,
    Pair,
    as_list,
    check_continues,
    check_training_input,
    common_channels,
    fit_intensity,
    names_of_classes,
)
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop, with_note
from napari_fcn_crf.settings import BUNDLED, TrainingSettings

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.tensorboard.training_log import TrainingLog
    from napari_fcn_crf.fcn.training.fit import Example, TrainingResult

__all__ = ["check_training_input", "train"]


def train(
    images: Arrays,
    labels: Arrays,
    settings: TrainingSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    checkpoint_path: str | Path | None = None,
    class_names: Mapping[int, str] | None = None,
    resume: Model | None = None,
    on_preview: Callable[[npt.NDArray[np.float32]], None] | None = None,
    tensorboard: str | Path | None = None,
    axes: str | None = None,
    are_patches: Sequence[bool] = (),
    done_with: Model | None = None,
) -> Model:
    """Train a network on annotated images.

    Parameters
    ----------
    images : array, Picture, or a list of such
        Of any real type. Of an array `(*spatial)`, `(*spatial, channels)` or `(channels, *spatial)`
        the labels tell whether and where there are channels; none is dropped.
    labels : array of int or list of such, each `spatial`
        Any values; what 0 means is `settings.labels`. Planes of a stack without any label are left
        out.
    settings : TrainingSettings, optional
    on_progress : callable, optional
        Called with a `Progress` before the network is built and after each step.
    should_stop : callable, optional
        Asked before each step; true returns the model with what was learnt so far.
    checkpoint_path : path, optional
        Where to write the model after the first step, every ten seconds and at the end, for a
        process that may be killed. The optimizer's state goes beside it, to
        `<stem>.optimizer.npz`; a large one at the end only.
    class_names : mapping of int to str, optional
        Names of label values.
    resume : Model, optional
        Go on with this model, which is left as it is: as many steps more as the settings say. With
        the same images, labels and settings, and its optimizer's state, the result is that of one
        longer training.
    on_preview : callable, optional
        Called with the probabilities `(n_classes, rows, columns)` of the first annotated plane, at
        most once a second and in at most a fifth of the time; not for planes above two million
        pixels.
    tensorboard : path, optional
        A folder to write an event file to, for `tensorboard --logdir`: the loss before each step,
        a histogram of every gradient, and each class's probabilities in the first annotated plane,
        if that has at most two million pixels. Gradients are written a hundred times and
        probabilities ten times, evenly spread, or at every step of a shorter training. TensorBoard
        shows a folder as one run.
    axes : str, optional
        One letter an axis of the images, such as "cyx"; it overrules what their labels tell.
    are_patches : sequence of bool, optional
        Of each image, whether it is the patches of one plane, as `read_for_training` gives them.
    done_with : Model, optional
        One that `train` returned and nobody needs any more. If it came without steps from the same
        start, its network is solved anew instead of another built: most of the time for a small
        image goes into building, and into tracing what is built.

    Raises
    ------
    TypeError, ValueError
        If images or labels cannot be trained on; the message says why and what to do. Labels that
        look as if something else were meant are refused unless `settings.trust_labels`.
    Cancelled
        If `should_stop` turned true before the first step.
    """
    settings = settings or TrainingSettings()
    images, labels = as_list(images), as_list(labels)
    if pictures := lazy_pictures(images, labels, axes):
        read = read_for_training(pictures, labels, settings, on_progress)
        images, labels, are_patches, axes = read.images, read.labels, read.are_patches, None
    given = check_training_input(images, labels, settings, axes)
    pairs, counts = given.pairs, given.counts
    channels = common_channels(pairs)
    if resume is not None:
        check_continues(resume.card, channels, counts, settings)
    run_record = _start_record(pairs, counts)
    started = time.perf_counter()

    from napari_fcn_crf.fcn.devices import mixed_precision
    from napari_fcn_crf.fcn.model_file import keras_file
    from napari_fcn_crf.fcn.optimizer import optimizer_state, traced_gradients
    from napari_fcn_crf.fcn.training import fit

    if resume is None:
        intensity, mappings, note = fit_intensity([image for image, _ in pairs])
    else:
        intensity = resume.card.intensity
        mapped = [intensity.for_image(image) for image, _ in pairs]
        mappings = [mapping for mapping, _ in mapped]
        note = next((sentence for _, sentence in mapped if sentence), "")
    note = " ".join(filter(None, (given.note, note)))
    if given.note:
        run_record["left_out"] = given.note
    on_progress = with_note(on_progress, note)
    if on_progress is not None:
        on_progress(Progress("Building the network"))
    class_values = tuple(counts) if resume is None else resume.card.class_values
    examples = list(_examples(pairs, mappings, class_values, settings, are_patches))
    if resume is not None:
        built, card = _go_on(resume, settings, class_names, run_record)
    else:
        start = settings, channels, len(class_values)
        if done_with is not None and _started_like(done_with.card, *start):
            built, run_record["weights"] = _started_anew(done_with)
        else:
            built, run_record["weights"] = _build(examples[0], *start)
        run_record |= _weights_hash(settings)
        card = ModelCard(
            class_values=class_values,
            class_names=names_of_classes(class_values, settings.labels, class_names, None),
            channels=channels,
            intensity=intensity,
            training=settings,
            record=run_record,
        )

    def finished(result: TrainingResult) -> Model:
        model = Model(built, replace(card, losses=result.losses), result.state)
        if checkpoint_path is not None:
            with mixed_precision.computing_in(built, "float32"):
                keras_file.save(model.network, model.card, checkpoint_path)
            if model.optimizer is not None:
                optimizer_state.write_sidecar(model.optimizer, checkpoint_path)
        return model

    def checkpoint(result: TrainingResult) -> None:
        if checkpoint_path is not None:
            run_record.update(_describe(result))
            finished(result)

    policy = mixed_precision.policy_of_device()
    run_record["precision"] = policy
    with (
        _log(tensorboard, card.class_names) as log,
        mixed_precision.computing_in(built, policy),
        traced_gradients.forgotten(),
    ):
        result = fit.fit(
            built,
            examples,
            card.n_classes,
            settings,
            fit.TrainingWatch(on_progress, should_stop, checkpoint, on_preview, log),
            losses=card.losses,
            state=None if resume is None else resume.optimizer,
        )
    if result.ending == "stopped" and result.losses == card.losses:
        raise Cancelled
    run_record.update(_describe(result))
    run_record["seconds"] = round(time.perf_counter() - started, 3)
    return finished(result)


def _start_record(pairs: list[Pair], counts: dict[int, int]) -> dict[str, Any]:
    run_record = record.start_record()
    run_record["images_sha256"] = [record.array_sha256(image) for image, _ in pairs]
    run_record["labels_sha256"] = [record.array_sha256(pair_labels) for _, pair_labels in pairs]
    run_record["class_pixels"] = {str(value): count for value, count in counts.items()}
    return run_record


def _go_on(
    resume: Model,
    settings: TrainingSettings,
    class_names: Mapping[int, str] | None,
    run_record: dict[str, Any],
) -> tuple[Any, ModelCard]:
    """Return a copy of the network to go on with, and its card."""
    from napari_fcn_crf.fcn import network

    before = resume.card
    for key in ("weights", "weights_sha256"):
        if key in before.record:
            run_record[key] = before.record[key]
    run_record["resumed_at_step"] = len(before.losses)
    run_record["resumed_exactly"] = resume.optimizer is not None
    card = replace(
        before,
        class_names=names_of_classes(before.class_values, settings.labels, class_names, before),
        # What the network was built with.
        training=replace(
            settings, weights=before.training.weights, dropout=before.training.dropout
        ),
        record=run_record,
    )
    return network.copy_network(resume.network), card


def _build(
    example: Example, settings: TrainingSettings, channels: int, n_classes: int
) -> tuple[Any, str]:
    """Return a new network and where its weights are from."""
    from napari_fcn_crf.fcn import network

    return network.build_network(settings, channels, n_classes, example.image)


def _started_like(
    card: ModelCard, settings: TrainingSettings, channels: int, n_classes: int
) -> bool:
    """Return whether a model is what these settings start from but for its last layer."""

    def start(asked: TrainingSettings) -> tuple[object, ...]:
        return asked.architecture, asked.backbone, asked.seed, asked.dropout, asked.rates

    return (
        (card.channels, card.n_classes, card.losses) == (channels, n_classes, ())
        # Of other weights a part is fitted to the image.
        and card.training.starting_weights == settings.starting_weights == BUNDLED
        and start(card.training) == start(settings)
    )


def _started_anew(model: Model) -> tuple[Any, str]:
    """Return a model's network without what was solved, and where its weights are from."""
    from napari_fcn_crf.fcn.training.last_layer import forget_last_layer

    forget_last_layer(model.network)
    return model.network, model.card.record["weights"]


def _weights_hash(settings: TrainingSettings) -> dict[str, str]:
    from napari_fcn_crf.fcn import network

    files = network.starting_files(settings)
    return {"weights_sha256": record.file_sha256(*files)} if files else {}


@contextmanager
def _log(folder: str | Path | None, class_names: tuple[str, ...]) -> Iterator[TrainingLog | None]:
    """Give what writes for TensorBoard, if a folder was chosen for that."""
    if folder is None:
        yield None
        return
    try:
        from napari_fcn_crf.fcn.tensorboard.event_file import EventFile
        from napari_fcn_crf.fcn.tensorboard.training_log import TrainingLog
    except ModuleNotFoundError as error:
        raise InputError(
            f"Writing for TensorBoard needs the package {error.name!r}, but it is not installed "
            "where the network runs. Install tensorboard there, or train without it."
        ) from error
    with closing(EventFile(folder)) as events:
        yield TrainingLog(events, class_names)


def _describe(result: TrainingResult) -> dict[str, Any]:
    """Return what a run record says about the training."""
    said: dict[str, Any] = {
        "ending": result.ending,
        "mode": result.mode,
        "kept_step": result.kept_step,
    }
    if result.note:
        said["note"] = result.note
    if result.validation:
        said["validation_iou"] = [
            # JSON knows no NaN.
            [step, [None if np.isnan(value) else value for value in iou]]
            for step, iou in result.validation
        ]
    return said


def _examples(
    pairs: list[Pair],
    mappings: Sequence[IntensityMapping],
    class_values: tuple[int, ...],
    settings: TrainingSettings,
    are_patches: Sequence[bool],
) -> Iterator[Example]:
    """Iterate over the annotated planes of all images."""
    from napari_fcn_crf.fcn.training.fit import Example

    piled = are_patches or [False] * len(pairs)
    for (image, labels), intensity, is_pile in zip(pairs, mappings, piled, strict=True):
        rows = 0
        if is_pile:
            # One below the other, as one plane.
            rows, columns, channels = image.shape[1:]
            image, labels = image.reshape(-1, columns, channels), labels.reshape(-1, columns)
        for index in annotated_planes(labels, settings.labels):
            indices = class_indices_by_strips(
                labels[index], class_values, settings.labels, settings.ignore_label
            )
            if (indices != IGNORE).any():
                yield Example(MappedImage(image[index], intensity), indices, patch_rows=rows)
