"""Objects told apart, beside scikit-image's plain watershed on the same probabilities.

Of each image of nuclei and of cells in phase contrast, one part with its objects trains the network
(in closed form), and those of the other part are compared with the truth. Average precision is that
of the Data Science Bowl 2018: objects found, of those that there are or that were found.

    python -m benchmarks.instances
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from scipy.ndimage import distance_transform_edt
from skimage.feature import peak_local_max
from skimage.measure import label
from skimage.segmentation import watershed

from benchmarks.pairs import data_folder
from napari_fcn_crf import TrainingSettings, predict, train
from napari_fcn_crf.data.objects import BORDER, OBJECT
from napari_fcn_crf.results.instances import split_instances

_DATA_SETS = ("dsb2018", "livecell")
_AT = (0.5, 0.75)

Array = npt.NDArray[np.generic]


def plain(probabilities: npt.NDArray[np.float32], minimum_distance_px: int) -> Array:
    """Return scikit-image's example: a watershed of the distance from its maxima."""
    mask = probabilities[OBJECT:].sum(axis=0) > 0.5
    distance = distance_transform_edt(mask)
    centres = peak_local_max(
        distance, min_distance=minimum_distance_px, labels=label(mask), exclude_border=False
    )
    seeds = np.zeros(mask.shape, int)
    seeds[tuple(centres.T)] = np.arange(1, len(centres) + 1)
    found: Array = watershed(-distance, seeds, mask=mask)
    return found


def ours(probabilities: npt.NDArray[np.float32]) -> Array:
    """Return the objects as the dock has them, without a refinement."""
    inside = probabilities[OBJECT:].sum(axis=0)
    labels = np.where(inside > 0.5, OBJECT, 0)
    if len(probabilities) > BORDER:
        is_border = probabilities[BORDER] >= probabilities[OBJECT]
        labels = np.where((inside > 0.5) & is_border, BORDER, labels)
    if not (labels == OBJECT).any():
        return labels
    return split_instances(
        labels, OBJECT, border=BORDER if len(probabilities) > BORDER else None, inside=inside
    )


METHODS: dict[str, Callable[[npt.NDArray[np.float32]], Array]] = {
    "plain, 5 px": lambda probabilities: plain(probabilities, 5),
    "plain, 10 px": lambda probabilities: plain(probabilities, 10),
    "split_instances": ours,
}


def average_precision(found: Array, truth: Array) -> list[float]:
    """Return true positives of all that are true or positive, at each IoU of `_AT`."""
    one = np.unique(np.append(found, 0), return_inverse=True)[1][:-1]
    other = np.unique(np.append(truth, 0), return_inverse=True)[1][:-1]
    shared = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(shared, (one, other), 1)
    union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
    iou = (shared / np.maximum(union, 1))[1:, 1:]
    hits = [int((iou > at).sum()) for at in _AT]
    return [hit / max(1, sum(iou.shape) - hit) for hit in hits]


def main() -> None:
    """Print one row a data set, labels that were trained on, and method."""
    rows: dict[tuple[str, str, str], list[list[float]]] = {}
    for data_set in _DATA_SETS:
        for path in sorted(data_folder().glob(f"pairs/{data_set}/*_label.png")):
            name = path.name.removesuffix("_label.png")
            (image_file,) = path.parent.glob(f"{name}.*")
            with PillowImage.open(image_file) as file:
                image = np.asarray(file.convert("L" if file.mode in ("L", "I;16") else "RGB"))
            with PillowImage.open(path) as file:
                truth = np.asarray(file).astype(np.int64)
            # At the column with as many pixels of objects on either side.
            so_far = np.cumsum((truth > 0).sum(axis=0))
            cut = int(np.searchsorted(so_far, so_far[-1] / 2))
            cut = min(max(cut, 32), truth.shape[1] - 32)
            for labels in ("objects", "objects-border"):
                settings = TrainingSettings(labels=labels, iterations=0)
                model = train([image[:, :cut]], [truth[:, :cut]], settings)
                probabilities = predict(model, image)
                for method, split in METHODS.items():
                    score = average_precision(split(probabilities)[:, cut:], truth[:, cut:])
                    rows.setdefault((data_set, labels, method), []).append(score)
            print(f"{data_set} {name}", file=sys.stderr, flush=True)
    print("| images | trained on | method | " + " | ".join(f"AP at {at}" for at in _AT) + " |")
    print("|---|---|---|" + "---:|" * len(_AT))
    for (data_set, labels, method), scores in rows.items():
        mean = " | ".join(f"{one:.3f}" for one in np.mean(scores, axis=0))
        print(f"| {data_set} ({len(scores)}) | {labels} | {method} | {mean} |")


if __name__ == "__main__":
    main()
