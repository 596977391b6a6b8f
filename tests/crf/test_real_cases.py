"""pydensecrf's own example images and the published cat, where the measurement data is."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from skimage import io, transform

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings
from tests.crf.cases import by_pydensecrf


@pytest.mark.parametrize("number", [1, 2, 3])
def test_examples_give_pydensecrfs_marginals(measurement_data, number):
    image = io.imread(measurement_data / "pydensecrf" / f"im{number}.png")[..., :3]
    annotation = io.imread(measurement_data / "pydensecrf" / f"anno{number}.png")[..., :3]
    colours = annotation.reshape(-1, 3) @ np.array([1, 256, 65536])
    values, indices = np.unique(colours, return_inverse=True)
    # Black is not annotated: all classes alike there; elsewhere the annotation is trusted by 0.7.
    assert values[0] == 0
    classes = len(values) - 1
    given = np.full((classes, indices.size), 0.3 / (classes - 1), np.float32)
    painted = indices > 0
    given[indices[painted] - 1, np.flatnonzero(painted)] = 0.7
    given[:, ~painted] = 1 / classes
    given = given.reshape(classes, *image.shape[:2])
    settings = CRFSettings.paper()
    ours = DenseCRF(image, settings).infer(given)
    theirs = by_pydensecrf(image, given, settings)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    assert (ours.argmax(axis=0) == theirs.argmax(axis=0)).mean() >= 0.9999


def test_the_published_cat_comes_out_as_published(measurement_data):
    """From the tutorial's figure of its probabilities to its figure of the refined cat."""
    folder = measurement_data / "seed"
    figure = io.imread(folder / "published_probability.png")[23:245, 488:791, :3].astype(int)
    jet = np.rint(matplotlib.colormaps["jet"](np.arange(256))[:, :3] * 255).astype(int)
    level = ((figure[:, :, np.newaxis] - jet) ** 2).sum(axis=-1).argmin(axis=-1)
    cat = transform.resize(level / 255, (352, 480), order=1).astype(np.float32)
    given = np.stack([1 - cat, cat])
    image = io.imread(folder / "cat.jpg")
    truth = io.imread(folder / "cat_annotation.png")[..., 0] > 0
    figure = io.imread(folder / "published_crf.png")[23:245, 69:372, :3].astype(int)
    blue = np.abs(figure - (105, 105, 255)).sum(axis=-1) < 40
    published = transform.resize(blue.astype(float), (352, 480), order=1) > 0.5

    settings = CRFSettings.paper()
    ours = DenseCRF(image, settings).infer(given)
    theirs = by_pydensecrf(image, given, settings)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    refined = ours[1] > 0.5
    assert iou(cat > 0.5, truth) == pytest.approx(0.83, abs=0.005)
    assert iou(refined, truth) == pytest.approx(0.926, abs=0.002)
    # A figure two thirds as large as the image tells no more of it than this.
    assert iou(refined, published) > 0.95


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())
