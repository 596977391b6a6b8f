"""pydensecrf's own example images, where the measurement data is."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import io

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings

from .cases import by_pydensecrf


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
    settings = CRFSettings()
    ours = DenseCRF(image, settings).infer(given)
    theirs = by_pydensecrf(image, given, settings)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    assert (ours.argmax(axis=0) == theirs.argmax(axis=0)).mean() >= 0.9999
