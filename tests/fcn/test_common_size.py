from __future__ import annotations

import numpy as np
import pytest

from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.fcn.batches.example import Example
from napari_fcn_crf.fcn.batches.patches import around_strokes
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.training.fit import fit
from napari_fcn_crf.settings import Architecture, TrainingMode, TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD


def example(rows: int, columns: int) -> Example:
    generator = np.random.default_rng(rows)
    image = generator.uniform(0, 255, (rows, columns, 3)).astype(np.float32)
    return Example(image, (image[..., 0] > 127).astype(np.int32))


def test_examples_keep_their_pixels_and_annotation() -> None:
    given = [example(40, 90), example(70, 35)]
    for before, after in zip(given, around_strokes(given, 160, one_size=True), strict=True):
        assert len(after) == 1
        assert after.is_whole
        assert after.pixels(0).shape == (96, 96, 3)
        inside = after.indices[0] != IGNORE
        np.testing.assert_array_equal(after.pixels(0)[inside], before.image[:, :].reshape(-1, 3))
        np.testing.assert_array_equal(after.indices[0][inside], before.indices.ravel())


def test_one_size_is_left_alone() -> None:
    sizes = [patches.size for patches in around_strokes([example(33, 40), example(90, 50)], 160)]
    assert sizes == [(64, 64), (96, 64)]


# In quick mode the layers of the other heads are of the same kinds as these have.
QUICK = [
    (architecture, "quick", augment)
    for architecture in ("fcn8s", "hypercolumn")
    for augment in (False, True)
    if augment is (architecture == "fcn8s")
]


@pytest.mark.parametrize(
    ("architecture", "mode", "augment"),
    [*(pytest.param(*head.values, "full", False, marks=head.marks) for head in EVERY_HEAD), *QUICK],
)
def test_images_of_several_sizes_train_any_network(
    architecture: Architecture, mode: TrainingMode, augment: bool
) -> None:
    settings = TrainingSettings(
        architecture=architecture, weights="random", mode=mode, augment=augment, iterations=3
    )
    network, _ = build_network(settings, 3, 2)
    result = fit(network, [example(32, 32), example(40, 62), example(64, 36)], 2, settings)
    assert len(result.losses) == 3
    assert np.isfinite(result.losses).all()
