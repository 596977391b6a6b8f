"""Train and predict, save and load models: arrays in, arrays out.

Keras, numba and what they need are imported when a function is called, not with this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from napari_fcn_crf import record
from napari_fcn_crf.annotations import IGNORE, class_indices
from napari_fcn_crf.images import (
    IntensityMapping,
    check_image,
    check_not_constant,
    check_size,
    drop_alpha,
    planes,
)
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.model import PRECISION_KEY, ModelCard
from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop, part_of
from napari_fcn_crf.settings import (
    BUNDLED,
    RANDOM,
    Precision,
    PredictionSettings,
    TrainingSettings,
    require,
)
from napari_fcn_crf.training_input import (
    Arrays,
    Pair,
    check_continues,
    check_training_input,
    common_channels,
    fit_intensity,
    names_of_classes,
)

if TYPE_CHECKING:
    from napari_fcn_crf.fcn.optimizer_state import OptimizerState
    from napari_fcn_crf.fcn.training import Example, TrainingResult
    from napari_fcn_crf.fcn.training_log import TrainingLog

__all__ = [
    "Model",
    "check_prediction_input",
    "check_training_input",
    "load_model",
    "predict",
    "save_model",
    "train",
]


@dataclass(frozen=True)
class Model:
    """A trained network and what it knows about its classes.

    Parameters
    ----------
    network : keras.Model
        From 0-255 images `(batch, rows, columns, channels)` to logits.
    card : ModelCard
    optimizer : OptimizerState, optional
        What a later training needs to go on exactly where this one ended.
    """

    network: Any
    card: ModelCard
    optimizer: OptimizerState | None = None

    def to_labels(self, probabilities: npt.ArrayLike) -> npt.NDArray[np.integer]:
        """Return the user's own label value of each pixel's most probable class."""
        return self.card.to_labels(probabilities)


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
) -> Model:
    """Train a network on annotated images.

    Parameters
    ----------
    images : array or list of arrays, each `(*spatial)` or `(*spatial, channels)`
        Of any real type; RGBA loses its alpha.
    labels : array of int or list of such, each `spatial`
        Any values; what 0 means is `settings.labels`.
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

    Raises
    ------
    TypeError, ValueError
        If images or labels cannot be trained on; the message says why and what to do.
    Cancelled
        If `should_stop` turned true before the first step.
    """
    settings = settings or TrainingSettings()
    pairs, counts = check_training_input(images, labels, settings)
    channels = common_channels(pairs)
    if resume is not None:
        check_continues(resume.card, channels, counts, settings)
    run_record = _start_record(pairs, counts)
    started = time.perf_counter()

    from napari_fcn_crf.fcn import (
        mixed_precision,
        model_file,
        optimizer_state,
        traced_gradients,
        training,
    )

    if on_progress is not None:
        on_progress(Progress("Building the network"))
    built, card = _begin(pairs, counts, settings, class_names, run_record, resume)

    def finished(result: TrainingResult) -> Model:
        model = Model(built, replace(card, losses=result.losses), result.state)
        if checkpoint_path is not None:
            with mixed_precision.computing_in(built, "float32"):
                model_file.save(model.network, model.card, checkpoint_path)
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
        result = training.fit(
            built,
            list(_examples(pairs, card.class_values, card.intensity, settings)),
            card.n_classes,
            settings,
            losses=card.losses,
            state=None if resume is None else resume.optimizer,
            on_progress=on_progress,
            should_stop=should_stop,
            on_snapshot=checkpoint,
            on_preview=on_preview,
            log=log,
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


def _begin(
    pairs: list[Pair],
    counts: dict[int, int],
    settings: TrainingSettings,
    class_names: Mapping[int, str] | None,
    run_record: dict[str, Any],
    resume: Model | None,
) -> tuple[Any, ModelCard]:
    """Return a new network or a copy of the one to go on with, and its card."""
    from napari_fcn_crf.fcn import bundled, network
    from napari_fcn_crf.fcn.weights import weight_files

    if resume is not None:
        before = resume.card
        for key in ("weights", "weights_sha256"):
            if key in before.record:
                run_record[key] = before.record[key]
        run_record["resumed_at_step"] = len(before.losses)
        run_record["resumed_exactly"] = resume.optimizer is not None
        card = replace(
            before,
            class_names=names_of_classes(before.class_values, class_names, before),
            # What the network was built with.
            training=replace(
                settings, weights=before.training.weights, dropout=before.training.dropout
            ),
            record=run_record,
        )
        return network.copy_network(resume.network), card
    class_values = tuple(counts)
    channels = common_channels(pairs)
    intensity = fit_intensity([image for image, _ in pairs])
    first = next(_examples(pairs, class_values, intensity, settings)).image
    built, run_record["weights"] = network.build_network(
        settings, channels, len(class_values), first
    )
    weights = settings.starting_weights
    weights_file = bundled.FILE if weights == BUNDLED else weights
    if weights_file != RANDOM:
        run_record["weights_sha256"] = record.file_sha256(*weight_files(weights_file))
    return built, ModelCard(
        class_values=class_values,
        class_names=names_of_classes(class_values, class_names, None),
        channels=channels,
        intensity=intensity,
        training=settings,
        record=run_record,
    )


@contextmanager
def _log(folder: str | Path | None, class_names: tuple[str, ...]) -> Iterator[TrainingLog | None]:
    """Give what writes for TensorBoard, if a folder was chosen for that."""
    if folder is None:
        yield None
        return
    try:
        from napari_fcn_crf.fcn.event_file import EventFile
        from napari_fcn_crf.fcn.training_log import TrainingLog
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


def predict(
    model: Model,
    image: npt.ArrayLike,
    settings: PredictionSettings | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of an image's pixels.

    Parameters
    ----------
    model : Model
    image : array, shape `(*spatial)` or `(*spatial, channels)`
        With as many channels as the images the model was trained on; stacks plane by plane.
    settings : PredictionSettings, optional
    on_progress : callable, optional
        Called with a `Progress` after each tile. Where memory was too short for the tiles, its
        `note` says so.
    should_stop : callable, optional
        Asked before each tile.

    Returns
    -------
    array of float32, shape `(n_classes, *spatial)`
        Summing to one over the classes.

    Raises
    ------
    TypeError, ValueError
        If the image cannot be predicted; the message says why and what to do.
    Cancelled
        If `should_stop` turned true.
    """
    settings = settings or PredictionSettings()
    channels_last = check_prediction_input(model.card, image)
    spatial = channels_last.shape[:-1]

    from napari_fcn_crf.fcn.memory import predict_within_memory

    indices = list(planes(spatial))
    probabilities = np.empty((model.card.n_classes, *spatial), np.float32)
    for done, index in enumerate(indices):
        _plane(probabilities, index)[...], settings = predict_within_memory(
            model.network,
            model.card.intensity.apply(channels_last[index]),
            settings,
            on_progress=part_of(on_progress, done, len(indices)),
            should_stop=should_stop,
        )
    return probabilities


def save_model(
    model: Model, path: str | Path, *, optimizer: bool = False, precision: Precision = "single"
) -> None:
    """Write a model as one `.keras` file that plain Keras can load too.

    Parameters
    ----------
    model : Model
    path : path
        Ending in `.keras`.
    optimizer : bool
        Write the optimizer's state into the file as well, for `train`'s `resume`; it is twice the
        size of what was trained.
    precision : {"single", "half"}
        Of the kernels in the file. In half precision, with eleven binary digits, it is half as
        large; `model` is left as it is.

    Raises
    ------
    ValueError
        If it cannot be written; what was at `path` before is unchanged then.
    """
    require("precision", precision, precision in get_args(Precision), "'single' or 'half'")
    card, state = model.card, model.optimizer if optimizer else None
    if precision == "half":
        if optimizer:
            raise InputError(
                "Going on exactly needs the weights in full, but half precision was chosen. "
                "Choose one of the two."
            )
        card = replace(card, record=card.record | {PRECISION_KEY: precision})

    from napari_fcn_crf.fcn import model_file

    model_file.save(model.network, card, path, state, precision)


def load_model(path: str | Path, *, optimizer: bool = False) -> Model:
    """Read a model that `save_model` wrote; no code in the file is run.

    Parameters
    ----------
    path : path
    optimizer : bool
        Read the optimizer's state as well, from the file itself or from
        `<stem>.optimizer.npz` beside it. One that is of other steps than the model is left alone.

    Raises
    ------
    ValueError
        If it is not such a file; the message says what it is instead.
    """
    from napari_fcn_crf.fcn import model_file

    network, card = model_file.load(path)
    state = model_file.load_optimizer(path, card, network) if optimizer else None
    return Model(network, card, state)


def check_prediction_input(card: ModelCard, image: npt.ArrayLike) -> npt.NDArray[Any]:
    """Check what `predict` is given, at once and without keras.

    Returns
    -------
    array, shape `(*spatial, channels)`

    Raises
    ------
    TypeError, ValueError
        If the image cannot be predicted; the message says why and what to do.
    """
    array = check_image(image)
    check_not_constant(array)
    channels_last = _with_channels(array, card.channels)
    check_size(channels_last.shape[:-1])
    return channels_last


def _examples(
    pairs: list[Pair],
    class_values: tuple[int, ...],
    intensity: IntensityMapping,
    settings: TrainingSettings,
) -> Iterator[Example]:
    """Iterate over the annotated planes of all images."""
    from napari_fcn_crf.fcn.training import Example

    for image, labels in pairs:
        for index in planes(labels.shape):
            indices = class_indices(labels[index], class_values, settings.labels)
            if (indices != IGNORE).any():
                yield Example(intensity.apply(image[index]), indices)


def _plane(stack: npt.NDArray[np.float32], index: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return a view of one plane of `(n_classes, *spatial)`."""
    rows_and_columns: Any = (slice(None), *index)
    view: npt.NDArray[np.float32] = stack[rows_and_columns]
    return view


def _with_channels(image: npt.NDArray[Any], channels: int) -> npt.NDArray[Any]:
    """Return an image as `(*spatial, channels)` for a model of that many channels."""
    looks_coloured = image.ndim >= 3 and image.shape[-1] in (3, 4)
    if channels == 1 and not looks_coloured:
        # Rows of a single pixel are no image: a last axis of one is the channel itself.
        has_channel = image.ndim >= 3 and image.shape[-1] == 1
        return image if has_channel else image[..., np.newaxis]
    if channels > 1 and image.ndim >= 3:
        without_alpha = drop_alpha(image) if channels == 3 else image
        if without_alpha.shape[-1] == channels:
            return without_alpha
    found = image.shape[-1] if looks_coloured else 1
    raise InputError(
        f"The model was trained on images with {channels} channels, but this image has {found} "
        f"(its shape is {image.shape}). Choose an image like those, or train a new model."
    )
