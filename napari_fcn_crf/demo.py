"""The main job on the sample cat: train, predict, refine, and show what it gave."""

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

from napari_fcn_crf import image_files, pipeline, refinement, samples
from napari_fcn_crf.annotations import class_indices
from napari_fcn_crf.files import atomic_path
from napari_fcn_crf.metrics import class_iou, pixel_accuracy
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import RANDOM, TrainingSettings

SETTINGS = TrainingSettings(architecture="fcn32s", weights=RANDOM, labels="mask", iterations=40)
"""Enough steps for a good cat in well under a minute on two cores."""

CAT = 1
"""The cat's value in its annotation."""


@dataclass(frozen=True)
class Score:
    """How well labels agree with the annotation.

    Parameters
    ----------
    iou : float
        Intersection over union of the cat, in [0, 1].
    accuracy : float
        Fraction of right pixels, in [0, 1].
    """

    iou: float
    accuracy: float


@dataclass
class Result:
    """What a run of the demo gave.

    Parameters
    ----------
    before, after : Score
        Of the network alone, and after the CRF.
    seconds : dict
        Of each stage.
    peak_bytes : int
        The most memory the process has had.
    """

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


def run(folder: Path) -> Result:
    """Train on the cat and its annotation, predict, refine; print scores, write files.

    Parameters
    ----------
    folder : Path
        Where `cat_probabilities.tif`, `cat_labels.tif`, `cat_refined.tif` and `cat.png` go; made
        if there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image, annotation = samples.load("cat"), samples.load("cat_annotation")
    rows, columns = annotation.shape
    print(f"Training {SETTINGS.architecture} on {SETTINGS.backbone}: cat, {rows} x {columns} px")

    # On a computer's first use the CRF's kernels are compiled, here while the network trains.
    preparing = refinement.prepare()
    clock = _Clock()
    with clock.stage("train"):
        model = pipeline.train(image, annotation, SETTINGS, on_progress=_print_loss)
    with clock.stage("predict"):
        probabilities = pipeline.predict(model, image)
    with clock.stage("refine (CRF)"):
        preparing.join()
        marginals = pipeline.refine(image, probabilities)

    predicted, refined = model.to_labels(probabilities), model.to_labels(marginals)
    values = model.card.class_values
    result = Result(
        _score(predicted, annotation, values),
        _score(refined, annotation, values),
        clock.seconds,
        peak_memory_bytes(),
    )
    image_files.write_probabilities(folder / "cat_probabilities.tif", probabilities, values)
    image_files.write_labels(folder / "cat_labels.tif", predicted)
    image_files.write_labels(folder / "cat_refined.tif", refined)
    _write_figure(
        folder / "cat.png", image, annotation, probabilities[values.index(CAT)], predicted, refined
    )
    _print_table(result)
    print(f"Results are in {folder.resolve()}")
    return result


def view(folder: Path) -> None:
    """Show a run's results in napari and wait until it is closed.

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
    viewer = [sys.executable, "-m", "napari_fcn_crf.ui.demo_view", str(folder)]
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


def _print_loss(progress: Progress) -> None:
    if progress.loss is not None:
        print(
            f"step {progress.current:3} of {progress.total}   loss {progress.loss:8.4f}", flush=True
        )


def _score(
    labels: npt.NDArray[np.integer], annotation: npt.NDArray[Any], values: tuple[int, ...]
) -> Score:
    predicted = class_indices(labels, values, "mask")
    truth = class_indices(annotation, values, "mask")
    iou = class_iou(predicted, truth, len(values))[values.index(CAT)]
    return Score(float(iou), pixel_accuracy(predicted, truth))


def _print_table(result: Result) -> None:
    print()
    print(f"{'':22}{'network':>10}{'after CRF':>12}")
    print(f"{'IoU of the cat':22}{result.before.iou:10.4f}{result.after.iou:12.4f}")
    print(f"{'pixel accuracy':22}{result.before.accuracy:10.4f}{result.after.accuracy:12.4f}")
    print()
    for stage, seconds in result.seconds.items():
        print(f"{stage:22}{seconds:8.1f} s")
    print(f"{'peak memory':22}{result.peak_bytes / 2**30:8.1f} GiB")
    print()


def _write_figure(
    path: Path,
    image: npt.NDArray[Any],
    annotation: npt.NDArray[Any],
    probability: npt.NDArray[np.float32],
    predicted: npt.NDArray[np.integer],
    refined: npt.NDArray[np.integer],
) -> None:
    from napari_fcn_crf.demo_figure import draw

    with atomic_path(path) as temporary:
        draw(image, annotation, probability, predicted, refined).savefig(temporary)
