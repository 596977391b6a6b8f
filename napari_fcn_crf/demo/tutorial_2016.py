"""The tutorial's run of 2016, again: ten steps on one image, beside the losses it published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import class_indices
from napari_fcn_crf.data.labelled_folder import PairFiles
from napari_fcn_crf.demo import sample_run
from napari_fcn_crf.pipeline import training
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.quoting import say
from napari_fcn_crf.settings import RANDOM, CRFSettings, TrainingSettings

PUBLISHED_LOSSES = (
    *(201433.0, 245565.0, 135906.0, 183353.0, 48563.9),
    *(37925.8, 33199.1, 26540.3, 23658.0, 29404.9),
)
"""Before each of the tutorial's ten steps on its cat, from ImageNet weights."""

PUBLISHED_FINAL_LOSS = 18177.5
"""After them, without dropout."""

_CAT_SHAPE = (352, 480, 3)
_CAT_BLOCKS = (
    ((79, 80, 81), (100, 127, 155), (159, 182, 215), (163, 185, 218)),
    ((68, 67, 62), (144, 114, 98), (158, 155, 165), (161, 185, 220)),
    ((70, 74, 68), (155, 138, 137), (112, 104, 107), (116, 129, 152)),
    ((87, 89, 99), (74, 74, 78), (86, 87, 92), (95, 102, 112)),
)
"""Mean colours of 4 x 4 equal blocks of the tutorial's image, VOC 2008_002152, cropped."""

_TOLERANCE = 3


def read_case(image: Path, annotation: Path, settings: TrainingSettings) -> sample_run.Case:
    """Read what the run is about, and refuse what it cannot be done on.

    Raises
    ------
    TypeError, ValueError
        With what is wrong with the files.
    """
    pair = PairFiles(image, annotation)
    picture, labels = pair.read()
    pixels = picture.channels_last()
    training.check_training_input(pixels, labels, settings)
    if labels.ndim != 2:
        raise ValueError(
            f"The tutorial's run is on one image, but {annotation.name} has the shape "
            f"{labels.shape}. Give a single plane, or use `napari-fcn-crf train --paper`."
        )
    weights = settings.starting_weights
    # TensorFlow's checkpoints go by a name that none of their files has.
    if weights != RANDOM and not any(Path(f"{weights}{end}").exists() for end in ("", ".index")):
        raise ValueError(f"Expected a file with VGG-16 weights, but there is no file {weights}.")
    return sample_run.Case(image.stem, pixels, labels, settings, crf=CRFSettings.paper())


def run(
    case: sample_run.Case, folder: Path, *, tensorboard: Path | None = None
) -> sample_run.Result:
    """Train, predict and refine as the tutorial did, and print the losses beside its own.

    Parameters
    ----------
    case : Case
        From `read_case`.
    folder, tensorboard
        As for `demo.run`.
    """
    published = PUBLISHED_LOSSES if is_the_tutorials_cat(case.image) else ()
    weights = case.settings.starting_weights
    say(f"Weights: {'random' if weights == RANDOM else weights}")
    if weights == RANDOM:
        print("The tutorial started from ImageNet weights; from random ones the run is the same,")
        print("and its losses are others. Give VGG-16's with --weights FILE.")
    elif missing := _missing(weights):
        print(f"The file lacks {' and '.join(missing)}, which the tutorial's had: they start at")
        print(
            "random (He), and louder than those. The method is the tutorial's, its losses are not."
        )
    if published:
        print("This is the tutorial's cat: the losses it published stand beside.")

    def print_loss(progress: Progress) -> None:
        if progress.loss is None:
            return
        line = f"step {progress.current:3} of {progress.total}   loss {progress.loss:10.1f}"
        if progress.current <= len(published):
            line += f"   published {published[progress.current - 1]:10.1f}"
        print(line, flush=True)

    result = sample_run.run(case, folder, on_progress=print_loss, tensorboard=tensorboard)
    final = summed_cross_entropy(result, case.annotation)
    line = f"after them, no dropout {final:10.1f}"
    print(f"{line}   published {PUBLISHED_FINAL_LOSS:10.1f}" if published else line)
    sample_run.report(result, folder)
    return result


def _missing(weights: str | Path) -> list[str]:
    from napari_fcn_crf.backbones import FULLY_CONNECTED
    from napari_fcn_crf.weights.vgg_file import open_weights

    with open_weights(weights) as file:
        return [name for name in FULLY_CONNECTED if name not in file.names]


def is_the_tutorials_cat(image: npt.NDArray[Any]) -> bool:
    """Return whether an image is the tutorial's, by its size and its coarse colours."""
    if image.shape != _CAT_SHAPE or image.dtype != np.uint8:
        return False
    blocks = image.reshape(4, _CAT_SHAPE[0] // 4, 4, _CAT_SHAPE[1] // 4, 3).mean(axis=(1, 3))
    return bool(np.abs(blocks - np.array(_CAT_BLOCKS)).max() <= _TOLERANCE)


def summed_cross_entropy(result: sample_run.Result, annotation: npt.NDArray[np.integer]) -> float:
    """Return the sum over all pixels of minus the logarithm of their class's probability."""
    indices = class_indices(annotation, result.model.card.class_values, "mask")
    own = np.take_along_axis(result.probabilities, indices[np.newaxis], axis=0)
    return float(-np.log(np.maximum(own, np.finfo(np.float32).tiny)).sum(dtype=np.float64))
