"""Where pictures, strokes, regions and probabilities lie, as people bring them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui.actions.refine_actions import refine
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions, gather
from napari_fcn_crf.ui.actions.uncertainty_actions import go_to_most_uncertain, show_uncertainty
from napari_fcn_crf.ui.sections.picture_choice import PictureChoice
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.viewer import result_layers
from napari_fcn_crf.ui.viewer.camera import camera_of
from napari_fcn_crf.ui.viewer.layer_picture import check_same_place, picture_of
from tests.ui.conftest import wait_until_idle

CARD = ModelCard((1, 2), ("one", "two"), 1, IntensityMapping((0.0,), (255.0,)), TrainingSettings())
CRF = CRFSettings(iterations=1, gaussian_weight=100.0)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, shape, np.uint8)


def unsure(*shape: int) -> np.ndarray:
    """Probabilities that a strong smoothness turns over at single pixels."""
    one = np.where(np.random.default_rng(1).random(shape) < 0.2, 0.45, 0.9).astype(np.float32)
    return np.stack([one, 1 - one])


def predicted(viewer, session, image, probabilities=None):
    """Choose an image, and give it a prediction."""
    shape = picture_of(image).spatial_shape
    session.selection.choose_image(image)
    layer = result_layers.add_probabilities(
        viewer, image, unsure(*shape) if probabilities is None else probabilities, CARD
    )
    session.selection.choose_sources((layer,))
    return layer


def changed(qtbot, session, **options) -> np.ndarray:
    """Refine, and return which pixels are others."""
    refine(session, CRF, RefinementOptions(**options))
    wait_until_idle(qtbot, session)
    return session.results.refined.differs.astype(bool)


ROTATED = {"scale": (0.2, 0.2), "translate": (5.0, -3.0), "rotate": 30.0}


@pytest.mark.parametrize("place", [{"scale": (0.2, 0.2)}, {"translate": (9.0, 4.0)}, ROTATED])
def test_a_region_acts_where_it_is_seen(viewer, session, qtbot, place) -> None:
    """Shapes that are made with nothing selected have no scale; world coordinates decide."""
    image = viewer.add_image(noise(60, 80), **place)
    predicted(viewer, session, image)
    box = np.array([[10.0, 20], [10, 40], [30, 40], [30, 20]])
    whole = changed(qtbot, session)
    for kind in ("polygon", "rectangle", "ellipse"):
        shapes = viewer.add_shapes(
            [np.array([image.data_to_world(corner) for corner in box])], shape_type=kind
        )
        assert tuple(shapes.scale) == (1, 1)
        inside = changed(qtbot, session, within=shapes)
        assert inside.sum() > 20
        rows, columns = np.nonzero(inside)
        assert 10 <= rows.min() <= rows.max() <= 30
        assert 20 <= columns.min() <= columns.max() <= 40
        middle = slice(15, 25), slice(25, 35)
        np.testing.assert_array_equal(inside[middle], whole[middle])


def test_regions_act_on_the_slices_they_were_drawn_on(viewer, session, qtbot) -> None:
    image = viewer.add_image(noise(5, 60, 80))
    predicted(viewer, session, image)
    box = np.array([[10.0, 20], [10, 40], [30, 40], [30, 20]])
    shapes = viewer.add_shapes([np.insert(box, 0, z, axis=1) for z in (0, 3)], shape_type="polygon")
    found = changed(qtbot, session, within=shapes)
    assert found.any(axis=(1, 2)).tolist() == [True, False, False, True, False]
    # The class axis of the probabilities is the first.
    viewer.dims.set_point(1, 3)
    found = changed(qtbot, session, within=shapes, extent="slice")
    assert found.any(axis=(1, 2)).tolist() == [False, False, False, True, False]
    assert not found[3, :, :20].any()


def test_the_slice_shown_is_the_plane_on_the_screen(viewer, session, qtbot) -> None:
    image = viewer.add_image(noise(40, 50, 60))
    predicted(viewer, session, image)
    viewer.dims.order = (0, 2, 1, 3)  # looking at z and x, beside the axis of the classes
    viewer.dims.set_point(2, 7)
    found = changed(qtbot, session, extent="slice")
    assert found[:, 7].any()
    assert found.sum() == found[:, 7].sum()
    viewer.dims.ndisplay = 3
    with pytest.raises(ValueError, match="no single slice"):
        gather(session, RefinementOptions(extent="slice"))


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_the_most_uncertain_place_is_brought_to_the_screen(viewer, session, qtbot, order) -> None:
    image = viewer.add_image(noise(40, 50, 60), scale=(3.0, 1.0, 0.5))
    sure = np.full((2, 40, 50, 60), 0.05, np.float32)
    sure[0] = 0.95
    sure[:, 10:20, 30:40, 40:50] = 0.5
    predicted(viewer, session, image, sure)
    show_uncertainty(session)
    wait_until_idle(qtbot, session)
    viewer.dims.order = (0, *(axis + 1 for axis in order))
    go_to_most_uncertain(session)
    wait_until_idle(qtbot, session)
    centre = np.array(viewer.dims.point)
    shown = viewer.dims.displayed
    centre[list(shown)] = camera_of(viewer).center[-len(shown) :]
    position = np.array(image.world_to_data(centre))
    assert ((position >= (9, 29, 39)) & (position <= (20, 40, 50))).all()


def test_a_volumes_spacing_is_in_its_units(viewer, session) -> None:
    image = viewer.add_image(
        noise(5, 40, 40), scale=(1, 200, 200), units=("um", "nm", "nm"), rotate=None
    )
    predicted(viewer, session, image)
    spacing = np.array(gather(session, RefinementOptions(extent="volume")).spacing)
    np.testing.assert_allclose(spacing / spacing[-1], (5, 1, 1))


@pytest.mark.parametrize(
    ("ours", "theirs", "is_same"),
    [
        ({"scale": (4e-9, 4e-9)}, {"scale": (4e-9, 4e-9), "translate": (6e-9, 0)}, False),
        ({"scale": (4e-9, 4e-9)}, {"scale": (4e-9, 4e-9), "translate": (1e-11, 0)}, True),
        ({"scale": (200, 200), "units": "nm"}, {"scale": (0.2, 0.2), "units": "um"}, True),
        ({"scale": (0.2, 0.2), "units": "um"}, {"scale": (0.2, 0.2), "units": "nm"}, False),
        ({"scale": (0.2, 0.2), "units": "um"}, {"scale": (0.2, 0.2)}, True),
        ({"scale": (0.2, 0.2)}, {"scale": (0.2, 0.2), "units": "um"}, True),
        ({"scale": (0.2, 0.2), "units": "um"}, {}, False),
        ({"scale": (1, 1), "units": "inch"}, {"scale": (25.4, 25.4), "units": "mm"}, True),
        (
            {"translate": (1000, 0), "units": "nm"},
            {"scale": (1e-3, 1e-3), "translate": (1, 0), "units": "um"},
            True,
        ),
        ({"shear": [0.3]}, {"shear": [0.3]}, True),
        ({"shear": [0.3]}, {}, False),
        ({"scale": (-1, 1)}, {"scale": (-1, 1)}, True),
        ({"scale": (-1, 1)}, {}, False),
        ({"scale": (2, 2)}, {"scale": (2, 2), "rotate": 90}, False),
        ({}, {"affine": np.diag([1, 1.2, 1])}, False),
    ],
)
def test_a_fraction_of_a_pixel_decides_what_is_the_same_place(ours, theirs, is_same) -> None:
    image = Image(noise(60, 80), **ours)
    labels = Labels(np.zeros((60, 80), int), name="strokes", **theirs)
    if is_same:
        check_same_place(picture_of(image), labels)
    else:
        with pytest.raises(ValueError, match="'strokes'"):
            check_same_place(picture_of(image), labels)


def test_single_planes_may_be_missing() -> None:
    image = Image(noise(1, 1, 60, 80))
    check_same_place(picture_of(image), Labels(np.zeros((60, 80), int)))


def test_another_image_is_not_refined_with_the_first_ones_probabilities(viewer, session) -> None:
    first, second = (viewer.add_image(noise(60, 80), name=name) for name in ("a", "b"))
    probabilities = predicted(viewer, session, first)
    session.selection.choose_image(second)
    assert session.selection.sources == ()
    with pytest.raises(ValueError, match="Press Predict first"):
        gather(session, RefinementOptions())
    # Chosen by hand, they are refused with both names.
    session.selection.choose_sources((probabilities,))
    with pytest.raises(ValueError, match="belongs to 'a', but 'b' is chosen"):
        gather(session, RefinementOptions())
    session.selection.choose_image(first)
    assert session.selection.sources == (probabilities,)


def test_probabilities_that_lie_elsewhere_are_refused(viewer, session) -> None:
    image = viewer.add_image(noise(60, 80), name="a")
    session.selection.choose_image(image)
    foreign = viewer.add_image(unsure(60, 80), name="ilastik", translate=(0, 30, 0))
    session.selection.choose_image(image)
    session.selection.choose_sources((foreign,))
    with pytest.raises(ValueError, match=r"'a' and 'ilastik' must lie.* up to 30 pixels apart"):
        gather(session, RefinementOptions())


def test_strokes_of_another_image_are_not_burnt_in(viewer, session, panel, qtbot) -> None:
    first, second = (viewer.add_image(noise(60, 80), name=name) for name in ("a", "b"))
    session.selection.choose_image(first)
    qtbot.wait(100)
    panel.steps[AnnotateStep].new_labels_button.click()
    strokes = session.selection.annotation
    assert strokes.name == "a labels"
    predicted(viewer, session, second)
    # They go with their image; chosen by hand, they are refused with both names.
    assert session.selection.annotation is None
    assert gather(session, RefinementOptions())
    session.selection.choose_annotation(strokes)
    with pytest.raises(ValueError, match="'a labels' belongs to 'a', but 'b' is chosen"):
        gather(session, RefinementOptions())
    assert gather(session, RefinementOptions(keep_annotated=False))


def test_channels_that_napari_split_are_one_picture(viewer, session, panel, qtbot) -> None:
    cells = noise(2, 60, 80)
    viewer.add_image(cells, channel_axis=0, name=["red", "green"])
    red, green = viewer.layers["red"], viewer.layers["green"]
    session.selection.choose_image(red)
    choice = panel.findChild(PictureChoice)
    qtbot.wait(100)
    assert choice.text.text() == "1 channel, 60 x 80"
    (item,) = (choice.channels.item(row) for row in range(choice.channels.count()))
    item.setCheckState(item.checkState().Checked)
    picture = session.selection.picture()
    np.testing.assert_array_equal(picture.channels_last(), np.moveaxis(cells, 0, -1))
    qtbot.wait(100)
    assert choice.text.text() == "2 channels, 60 x 80"
    viewer.layers.remove(green)
    assert session.selection.picture().channels == 1


def test_an_axis_can_be_taken_for_channels(viewer, session, panel, qtbot) -> None:
    stack = noise(5, 60, 80)
    image = viewer.add_image(stack, scale=(1, 0.5, 0.5))
    session.selection.choose_image(image)
    choice = panel.findChild(PictureChoice)
    qtbot.wait(100)
    assert choice.text.text() == "1 channel, 5 planes, 60 x 80"
    combo = choice.axis_choices[0]
    combo.setCurrentIndex(combo.findData("c"))
    combo.activated.emit(combo.currentIndex())
    picture = session.selection.picture()
    assert (picture.channels, picture.spatial_shape) == (5, (60, 80))
    qtbot.wait(100)
    panel.steps[AnnotateStep].new_labels_button.click()
    labels = session.selection.annotation
    assert labels.data.shape == (60, 80)
    assert tuple(labels.scale) == (0.5, 0.5)
    check_same_place(picture, labels)


def test_what_a_layer_says_of_its_axes_is_believed(viewer) -> None:
    image = viewer.add_image(noise(3, 2, 60, 80), axis_labels=("t", "c", "y", "x"))
    picture = picture_of(image)
    assert picture.axes == "tcyx"
    assert picture.describe() == "2 channels, 3 frames, 60 x 80"
    transparent = viewer.add_image(noise(60, 80, 4), rgb=True)
    assert picture_of(transparent).channels == 3
