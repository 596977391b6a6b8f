"""What our layers carry, and what they never overwrite."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_fcn_crf.images import IntensityMapping
from napari_fcn_crf.model import ModelCard
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui import layers

CARD = ModelCard(
    class_values=(3, 7),
    class_names=("class 3", "class 7"),
    channels=1,
    intensity=IntensityMapping((0.0,), (255.0,)),
    training=TrainingSettings(),
)
PLACE = {
    "scale": (2.0, 3.0),
    "translate": (10.0, -5.0),
    "rotate": 30.0,
    "shear": [0.25],
    "affine": [[1.0, 0.5, 4.0], [0.0, 1.0, 5.0], [0.0, 0.0, 1.0]],
    "units": ("um", "um"),
    "axis_labels": ("y", "x"),
}


@pytest.fixture
def image(viewer, two_squares) -> Image:
    return viewer.add_image(two_squares[0], name="squares", **PLACE)


def test_results_lie_where_their_image_lies(viewer, image):
    probabilities = layers.add_probabilities(viewer, image, np.full((2, 64, 64), 0.5), CARD)
    refined = layers.add_refined(viewer, image, np.full((64, 64), 7), None, {})
    drawn = layers.new_labels(viewer, image)
    for point in ((0, 0), (63, 20), (5, 41)):
        world = image.data_to_world(point)
        np.testing.assert_allclose(probabilities.data_to_world((1, *point)), (1, *world))
        np.testing.assert_allclose(refined.data_to_world(point), world)
        np.testing.assert_allclose(drawn.data_to_world(point), world)
    assert probabilities.axis_labels == ("class", "y", "x")
    assert [str(unit) for unit in refined.units] == ["micrometer", "micrometer"]
    layers.check_same_place(image, drawn)


def test_order_above_the_image(viewer, image):
    viewer.add_labels(np.zeros((64, 64), int), name="strokes")
    layers.add_probabilities(viewer, image, np.full((2, 64, 64), 0.5), CARD)
    layers.add_refined(viewer, image, np.full((64, 64), 7), None, {})
    names = [layer.name for layer in viewer.layers]
    assert names == ["squares", "squares probabilities", "strokes", "squares refined"]


def test_a_new_result_replaces_the_old_one(viewer, image):
    for value in (3, 7):
        layers.add_refined(viewer, image, np.full((64, 64), value), None, {})
        layers.add_probabilities(viewer, image, np.full((2, 64, 64), 0.5), CARD)
    assert len(viewer.layers) == 3
    assert (viewer.layers["squares refined"].data == 7).all()


def test_what_the_user_painted_stays(viewer, image):
    first = layers.add_refined(viewer, image, np.full((64, 64), 3), None, {})
    first.brush_size = 3
    first.paint((10, 10), 7)
    second = layers.add_refined(viewer, image, np.full((64, 64), 7), None, {})
    assert first in viewer.layers
    assert first.data[10, 10] == 7
    assert second is not first
    assert second.name == "squares refined [1]"


def test_results_are_not_offered_as_sources(viewer, image):
    layers.add_probabilities(viewer, image, np.full((2, 64, 64), 0.5), CARD)
    layers.add_refined(viewer, image, np.full((64, 64), 7), None, {})
    assert layers.layers_where(viewer, layers.is_source_image) == [image]
    assert layers.layers_where(viewer, layers.is_source_labels) == []
