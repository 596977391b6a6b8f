"""The main job on one image, the sample cat: train, predict, refine, and show what it gave."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.data import image_files, samples
from napari_fcn_crf.data.annotations import class_indices
from napari_fcn_crf.data.picture import as_picture
from napari_fcn_crf.pipeline import models, prediction, refinement, training
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.quoting import say
from napari_fcn_crf.results.metrics import class_iou, pixel_accuracy
from napari_fcn_crf.settings import RANDOM, CRFSettings, TrainingSettings

SETTINGS = TrainingSettings(architecture="fcn32s", weights=RANDOM, labels="mask", iterations=25)
"""Enough steps for a good cat in well under a minute on two cores."""


@dataclass(frozen=True)
class Case:
    """An image to train on, and how.

    Parameters
    ----------
    name : str
        What the files are named after.
    image : array, shape `(rows, columns)` or `(rows, columns, channels)`
    annotation : array of int, shape `(rows, columns)`
        A mask, in which 0 is the background.
    settings : TrainingSettings
    class_names : dict of int to str
    crf : CRFSettings
    """

    name: str
    image: npt.NDArray[Any]
    annotation: npt.NDArray[np.integer]
    settings: TrainingSettings
    class_names: dict[int, str] = field(default_factory=dict)
    crf: CRFSettings = field(default_factory=CRFSettings)


@dataclass(frozen=True)
class Score:
    """How well labels agree with the annotation.

    Parameters
    ----------
    iou : dict of str to float
        Intersection over union of each class but the background, in [0, 1].
    accuracy : float
        Fraction of right pixels, in [0, 1].
    """

    iou: dict[str, float]
    accuracy: float


@dataclass
class Result:
    """What a run of the demo gave.

    Parameters
    ----------
    model : Model
    probabilities : array of float32, shape `(n_classes, rows, columns)`
        Of the network.
    before, after : Score
        Of the network alone, and after the CRF.
    seconds : dict
        Of each stage.
    peak_bytes : int
        The most memory the process has had.
    """

    model: models.Model
    probabilities: npt.NDArray[np.float32]
    before: Score
    after: Score
    seconds: dict[str, float]
    peak_bytes: int


@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def sample_case() -> Case:
    """Return the cat that comes with the package."""
    image, annotation = samples.load("cat"), samples.load("cat_annotation")
    return Case("cat", image, annotation, SETTINGS, {1: "the cat"})


def print_loss(progress: Progress) -> None:
    """Print the loss before each step."""
    if progress.loss is not None:
        print(
            f"step {progress.current:3} of {progress.total}   loss {progress.loss:8.4f}", flush=True
        )


def run(
    case: Case,
    folder: Path,
    *,
    on_progress: OnProgress = print_loss,
    tensorboard: Path | None = None,
) -> Result:
    """Train on an image and its annotation, predict, refine, and write what that gave.

    Parameters
    ----------
    case : Case
    folder : Path
        Where `result_files` go; made if there is none.
    on_progress : callable
        Called in each step of the training.
    tensorboard : Path, optional
        As for `napari_fcn_crf.train`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image, annotation, settings = case.image, case.annotation, case.settings
    rows, columns = annotation.shape
    say(
        f"Training {settings.architecture} on {settings.backbone}: "
        f"{case.name}, {rows} x {columns} px"
    )
    # On a computer's first use the CRF's kernels are compiled, here while the network trains.
    preparing = refinement.prepare()
    clock = _Clock()
    with clock.stage("train"):
        model = training.train(
            image,
            annotation,
            settings,
            on_progress=on_progress,
            class_names=case.class_names,
            tensorboard=tensorboard,
        )
    with clock.stage("predict"):
        probabilities = prediction.predict(model, image)
    with clock.stage("refine (CRF)"):
        preparing.join()
        marginals = refinement.refine(image, probabilities, case.crf)

    predicted, refined = model.to_labels(probabilities), model.to_labels(marginals)
    result = Result(
        model,
        probabilities,
        _score(predicted, annotation, model),
        _score(refined, annotation, model),
        clock.seconds,
        peak_memory_bytes(),
    )
    files = result_files(folder, case.name)
    image_files.write_probabilities(files[0], probabilities, model.card.class_values, "demo")
    image_files.write_labels(files[1], predicted, "demo")
    image_files.write_labels(files[2], refined, "demo")
    _write_figure(files[3], case, result, predicted, refined)
    return result


def result_files(folder: Path, name: str) -> tuple[Path, Path, Path, Path]:
    """Return where probabilities, predicted labels, refined labels and the figure go."""
    endings = "predicted_probabilities.tif", "predicted.tif", "refined.tif", "demo.png"
    one, two, three, four = (folder / f"{name}_{ending}" for ending in endings)
    return one, two, three, four


def report(result: Result, folder: Path) -> None:
    """Print how good a run was, what it took, and where its files are."""
    print()
    print(f"{'':22}{'network':>10}{'after CRF':>12}")
    for name, iou in result.before.iou.items():
        say(f"{f'IoU of {name}':22}{iou:10.4f}{result.after.iou[name]:12.4f}")
    print(f"{'pixel accuracy':22}{result.before.accuracy:10.4f}{result.after.accuracy:12.4f}")
    print()
    for stage, seconds in result.seconds.items():
        print(f"{stage:22}{seconds:8.1f} s")
    print(f"{'peak memory':22}{result.peak_bytes / 2**30:8.1f} GiB")
    print()
    say(f"Results are in {folder.resolve()}")


def view(folder: Path, image: Path | None = None, annotation: Path | None = None) -> None:
    """Show a run's results in napari and wait until it is closed.

    Parameters
    ----------
    folder : Path
        With what `run` wrote.
    image, annotation : Path, optional
        The files it was given; without them the sample cat.

    Raises
    ------
    ValueError
        If napari is not installed, or fails.
    """
    if importlib.util.find_spec("napari") is None:
        raise ValueError(
            "Showing the results needs napari, but it is not installed. Install it with "
            "python -m pip install 'napari[all]'."
        )
    # A process of its own: napari and TensorFlow do not bear each other in one.
    shown = [folder, *(path for path in (image, annotation) if path is not None)]
    viewer = [sys.executable, "-m", "napari_fcn_crf.ui.viewer.demo_view", *map(str, shown)]
    if subprocess.run(viewer, check=False).returncode != 0:
        raise ValueError(
            f"napari could not show the results. Open the files in it by hand: {folder.resolve()}"
        )


def peak_memory_bytes() -> int:
    """Return the most physical memory that this process has had."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _score(
    labels: npt.NDArray[np.integer], annotation: npt.NDArray[Any], model: models.Model
) -> Score:
    values, names = model.card.class_values, model.card.class_names
    predicted = class_indices(labels, values, "mask")
    truth = class_indices(annotation, values, "mask")
    each = class_iou(predicted, truth, len(values))
    iou = {name: float(each[index]) for index, name in enumerate(names) if values[index] != 0}
    return Score(iou, pixel_accuracy(predicted, truth))


def _write_figure(
    path: Path,
    case: Case,
    result: Result,
    predicted: npt.NDArray[np.integer],
    refined: npt.NDArray[np.integer],
) -> None:
    from napari_fcn_crf.demo.figure import draw

    values = result.model.card.class_values
    probability = result.probabilities[[value != 0 for value in values]].sum(axis=0)
    image = as_picture(case.image, spatial_shape=case.annotation.shape).channels_last()
    shown = np.rint(result.model.card.intensity.apply(image)).astype(np.uint8)
    if shown.shape[-1] != 3:
        shown = np.repeat(shown.mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    with atomic_path(path) as temporary:
        draw(shown, case.annotation, probability, predicted, refined).savefig(
            temporary, metadata={"Software": image_files.MADE_BY}
        )
