"""What our layers carry, and what they never overwrite."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.viewer import layers, result_layers
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.layer_picture import check_same_place, picture_of
from napari_fcn_crf.ui.viewer.ownership import METADATA_KEY, Made, earlier_results

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


def _add_refined(viewer, image, value):
    earlier = earlier_results(viewer, image, "refined")
    made = Made.of(np.full((64, 64), value), earlier)
    return result_layers.add_refined(viewer, image, made, None, {})


def _add_probabilities(viewer, image, value=0.5):
    return result_layers.add_probabilities(viewer, image, np.full((2, 64, 64), value), CARD)


def test_results_lie_where_their_image_lies(viewer, image):
    probabilities = _add_probabilities(viewer, image)
    refined = _add_refined(viewer, image, 7)
    drawn = layers.new_labels(viewer, image)
    for point in ((0, 0), (63, 20), (5, 41)):
        world = image.data_to_world(point)
        np.testing.assert_allclose(probabilities.data_to_world((1, *point)), (1, *world))
        np.testing.assert_allclose(refined.data_to_world(point), world)
        np.testing.assert_allclose(drawn.data_to_world(point), world)
    assert probabilities.axis_labels == ("class", "y", "x")
    assert [str(unit) for unit in refined.units] == ["micrometer", "micrometer"]
    check_same_place(picture_of(image), drawn)


def test_order_above_the_image(viewer, image):
    viewer.add_labels(np.zeros((64, 64), int), name="strokes")
    _add_probabilities(viewer, image)
    _add_refined(viewer, image, 7)
    names = [layer.name for layer in viewer.layers]
    assert names == ["squares", "squares probabilities", "squares refined", "strokes"]


def test_a_new_result_replaces_the_old_one(viewer, image):
    for value in (3, 7):
        _add_refined(viewer, image, value)
        _add_probabilities(viewer, image)
    assert len(viewer.layers) == 3
    assert (viewer.layers["squares refined"].data == 7).all()


def test_what_the_user_painted_stays(viewer, image):
    first = _add_refined(viewer, image, 3)
    first.visible = True
    first.brush_size = 3
    first.paint((10, 10), 7)
    second = _add_refined(viewer, image, 7)
    assert first in viewer.layers
    assert first.data[10, 10] == 7
    assert second is not first
    assert second.name == "squares refined [1]"


def test_what_a_script_wrote_into_a_result_stays(viewer, image):
    first = _add_refined(viewer, image, 3)
    first.data[10, 10] = 7
    assert _add_refined(viewer, image, 7) is not first
    assert first.data[10, 10] == 7


def test_a_stroke_while_the_next_result_is_computed_stays(viewer, image):
    first = _add_refined(viewer, image, 3)
    made = Made.of(np.full((64, 64), 7), earlier_results(viewer, image, "refined"))
    first.visible = True
    first.paint((10, 10), 7)
    assert result_layers.add_refined(viewer, image, made, None, {}) is not first
    assert first.data[10, 10] == 7


def test_a_name_that_changes_hands_takes_no_results_along(viewer, image, two_squares):
    first = _add_probabilities(viewer, image, 0.25)
    image.name = "another name"
    other = viewer.add_image(two_squares[0], name="squares")
    second = _add_probabilities(viewer, other, 0.75)
    assert second is not first
    assert (first.data == 0.25).all()
    assert (second.data == 0.75).all()
    # Under its new name an image's result is still its own.
    assert _add_probabilities(viewer, image, 0.125) is first
    assert first.name == "another name probabilities"


def test_only_what_is_known_to_be_ours_is_replaced(viewer, image):
    """Copies and layers of a saved session have our metadata, but are the user's."""
    made = _add_refined(viewer, image, 3)
    others = [
        viewer.add_labels(
            made.data.copy(), name=name, metadata={METADATA_KEY: dict(made.metadata[METADATA_KEY])}
        )
        for name in ("squares refined copy", "reopened")
    ]
    viewer.layers.remove(made)
    others[1].name = "squares refined"
    new = _add_refined(viewer, image, 7)
    assert new not in others
    assert all((layer.data == 3).all() for layer in others)
    assert all(layer in viewer.layers for layer in others)


def test_a_renamed_result_is_kept(viewer, image):
    first = _add_refined(viewer, image, 3)
    first.name = "the good one"
    assert _add_refined(viewer, image, 7) is not first
    assert (first.data == 3).all()


def test_results_are_not_offered_as_sources(viewer, image):
    _add_probabilities(viewer, image)
    _add_refined(viewer, image, 7)
    assert layers.layers_where(viewer, layers.is_source_image) == [image]
    assert layers.layers_where(viewer, layers.is_source_labels) == []


def test_a_brush_is_seen_on_a_large_image(viewer):
    image = viewer.add_image(np.zeros((2000, 3000), np.uint8), scale=(0.5, 0.5))
    camera_of(viewer).zoom = 0.5
    assert layers.new_labels(viewer, image).brush_size == 32
    camera_of(viewer).zoom = 50
    assert layers.new_labels(viewer, image).brush_size == 5


def test_a_brush_leaves_room_beside_it_in_a_narrow_image(viewer):
    image = viewer.add_image(np.zeros((64, 3000), np.uint8))
    camera_of(viewer).zoom = 0.25
    assert layers.new_labels(viewer, image).brush_size == 8
