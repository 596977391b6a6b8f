"""Refining from any source, restricted, previewed, tuned, compared and tidied."""

from __future__ import annotations

import itertools
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from napari.utils.colormaps import CyclicLabelColormap

from napari_fcn_crf.crf import presets
from napari_fcn_crf.crf.live import pace
from napari_fcn_crf.crf.tuning import edge_sensitivity
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import CARD_MEMBER, ModelCard, read_card
from napari_fcn_crf.pipeline import refinement
from napari_fcn_crf.settings import CRFSettings, TrainingSettings
from napari_fcn_crf.ui.actions import network_actions, refine_actions
from napari_fcn_crf.ui.actions.refinement_input import RefinementInput
from napari_fcn_crf.ui.panels import RefinePanel
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.viewer import preview_layers, result_layers
from napari_fcn_crf.ui.viewer.camera import camera_of
from tests.ui.conftest import click, press, wait_until_idle

CARD = ModelCard(
    class_values=(3, 7),
    class_names=("class 3", "class 7"),
    channels=1,
    intensity=IntensityMapping((0.0,), (255.0,)),
    training=TrainingSettings(),
)
SMALL = CRFSettings(gaussian_sigma_px=2, bilateral_sigma_px=8, iterations=3)


@pytest.fixture
def step(viewer, session, two_squares, qtbot, monkeypatch, tmp_path) -> RefineStep:
    """The step alone, with an image, strokes, and a coarse prediction as its source."""
    monkeypatch.setattr(presets, "default_path", lambda: tmp_path / "presets.json")
    image, labels = two_squares
    layer = viewer.add_image(image, name="squares", contrast_limits=(0, 255))
    viewer.add_labels(labels, name="strokes")
    inside = np.full(image.shape, 0.2, np.float32)
    inside[20:52, 12:44] = 0.8  # the square, but four pixels off
    probabilities = np.stack([1 - inside, inside])
    session.selection.choose_sources(
        (result_layers.add_probabilities(viewer, layer, probabilities, CARD),)
    )
    panel = RefinePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Refine (CRF)")
    step = panel.steps[RefineStep]
    step.controls.set_settings(SMALL)
    qtbot.wait(50)
    return step


def _refine(step, qtbot):
    click(qtbot, step.refine_button)
    wait_until_idle(qtbot, step.session)
    return step.session.results.refined


def test_the_crf_finds_the_square(step, viewer, qtbot, two_squares):
    truth = np.where(two_squares[0] > 120, 7, 3)
    refined = _refine(step, qtbot)
    before = (refined.predicted.data == truth).mean()
    after = (refined.refined.data == truth).mean()
    assert after > before + 0.05
    assert after > 0.97
    assert refined.changed == pytest.approx((refined.predicted.data != refined.refined.data).mean())
    assert sum(refined.areas_after.values()) == pytest.approx(1)


def test_one_key_toggles_before_and_after(step, viewer, qtbot):
    refined = _refine(step, qtbot)
    assert (refined.predicted.visible, refined.refined.visible) == (False, True)
    step.compare.toggle_button.click()
    assert (refined.predicted.visible, refined.refined.visible) == (True, False)
    press(viewer, "Shift-B")
    assert (refined.predicted.visible, refined.refined.visible) == (False, True)


def test_changes_are_marked(step, viewer, qtbot):
    refined = _refine(step, qtbot)
    step.compare.changed_box.setChecked(True)
    marked = viewer.layers["squares changed"].data.astype(bool)
    # For any other kind, napari compiles a function on the main thread first.
    assert isinstance(viewer.layers["squares changed"].colormap, CyclicLabelColormap)
    assert marked.any()
    np.testing.assert_array_equal(marked, refined.predicted.data != refined.refined.data)
    colours = {tuple(refined.refined.get_color(value)) for value in (3, 7)}
    assert tuple(viewer.layers["squares changed"].get_color(1)) not in colours
    step.compare.changed_box.setChecked(False)
    assert "squares changed" not in viewer.layers


def test_painted_pixels_stay_unless_told_otherwise(step, viewer, session, qtbot):
    viewer.layers["strokes"].data[10, 50:60] = 7  # against image and prediction
    assert (_refine(step, qtbot).refined.data[10, 50:60] == 7).all()
    step.restriction.keep_annotated.setChecked(False)
    assert (_refine(step, qtbot).refined.data[10, 50:60] == 3).all()


def test_only_inside_a_drawn_region(step, viewer, qtbot):
    step.restriction.keep_annotated.setChecked(False)
    viewer.add_shapes([[[0, 0], [0, 64], [30, 64], [30, 0]]], name="region")
    qtbot.waitUntil(lambda: step.restriction.within.count() == 2)
    step.restriction.within.setCurrentIndex(1)
    refined = _refine(step, qtbot)
    differ = refined.predicted.data != refined.refined.data
    assert differ[:30].any()
    assert not differ[31:].any()


def test_from_labels_alone(step, viewer, session, qtbot, two_squares):
    coarse = np.where(np.roll(two_squares[0] > 120, (3, 3), (0, 1)), 9, 4)
    session.selection.choose_sources((viewer.add_labels(coarse, name="coarse"),))
    step.restriction.keep_annotated.setChecked(False)
    refined = _refine(step, qtbot)
    truth = np.where(two_squares[0] > 120, 9, 4)
    np.testing.assert_array_equal(refined.predicted.data, coarse)
    assert (refined.refined.data == truth).mean() > (coarse == truth).mean() + 0.02


def test_the_chosen_source_is_refined(step, viewer, session, qtbot, two_squares):
    viewer.add_labels(np.where(two_squares[0] > 120, 9, 4), name="coarse")
    choice = step.source_choice
    qtbot.waitUntil(lambda: choice.findText("coarse (labels)") >= 0)
    for text in ("coarse (labels)", "squares probabilities", "strokes (labels)"):
        index = choice.findText(text)
        choice.setCurrentIndex(index)
        choice.activated.emit(index)
        assert session.selection.sources == (viewer.layers[text.removesuffix(" (labels)")],)
        assert choice.currentText() == text


def test_from_another_tools_probabilities_with_the_class_axis_last(step, viewer, session, qtbot):
    ours = viewer.layers["squares probabilities"].data
    other = viewer.add_image(np.moveaxis(ours, 0, -1), name="other", contrast_limits=(0, 1))
    step.restriction.keep_annotated.setChecked(False)
    expected = _refine(step, qtbot).refined.data
    session.selection.choose_sources((other,))
    refined = _refine(step, qtbot).refined.data
    np.testing.assert_array_equal(refined == 2, expected == 7)


@pytest.fixture
def stack(step, viewer, session, qtbot, two_squares):
    """Three slices alike, and probabilities of them, chosen in the step."""
    image = np.stack([two_squares[0]] * 3)
    layer = viewer.add_image(image, name="stack", contrast_limits=(0, 255))
    session.selection.choose_image(layer)
    plane = viewer.layers["squares probabilities"].data
    source = viewer.add_image(
        np.repeat(plane[:, None], 3, axis=1), name="stacked", contrast_limits=(0, 1)
    )
    session.selection.choose_sources((source,))
    qtbot.wait(50)
    step.restriction.keep_annotated.setChecked(False)
    return layer


def test_a_stack_grows_slice_by_slice(step, viewer, session, qtbot, stack):
    grown, names = [], set()

    def look(latest):
        if latest.partial is not None:
            grown.append(latest.partial[0])
            names.update(layer.name for layer in viewer.layers)
            if grown[-1] == (1,):  # told before it is shown
                preview = viewer.layers["stack preview"]
                assert not preview.editable
                assert (preview.data[0] != preview.data[1]).any()

    session.runner.progressed.connect(look)
    refined = _refine(step, qtbot).refined
    assert grown == [(), (0,), (1,), (2,)]
    # It grows beside the results, which are added once.
    assert "stack preview" in names
    assert "stack refined" not in names
    assert "stack preview" not in viewer.layers
    assert refined.data.shape == stack.data.shape
    np.testing.assert_array_equal(refined.data[0], refined.data[2])

    viewer.dims.set_point(1, 1)
    step.restriction.extent.setCurrentIndex(1)
    only = _refine(step, qtbot)
    differ = (only.predicted.data != only.refined.data).any(axis=(1, 2))
    np.testing.assert_array_equal(differ, [False, True, False])

    step.restriction.extent.setCurrentIndex(2)
    assert _refine(step, qtbot).refined.data.shape == stack.data.shape


def test_cancelling_a_stack_leaves_nothing_half_refined(step, viewer, session, qtbot, stack, notes):
    def refine_and_cancel():
        endless = replace(SMALL, iterations=100_000)
        refine_actions.refine(session, endless, step.restriction.options())
        qtbot.waitUntil(lambda: "stack preview" in viewer.layers, timeout=60_000)
        session.runner.cancel()
        wait_until_idle(qtbot, session)

    before = [layer.name for layer in viewer.layers]
    refine_and_cancel()
    assert session.results.refined is None
    assert [layer.name for layer in viewer.layers] == before
    assert "Refining was cancelled." in notes()
    # And an earlier result stays as it was.
    first = _refine(step, qtbot).refined
    held = first.data.copy()
    refine_and_cancel()
    assert session.results.refined.refined is first
    assert first in viewer.layers
    np.testing.assert_array_equal(first.data, held)


def test_one_slice_is_refined_as_in_its_stack(step, viewer, session, qtbot, two_squares):
    """Dim slices are dim in the stack: their own range would stretch their noise."""
    rng = np.random.default_rng(0)
    planes = np.stack([two_squares[0].astype(np.float32) * gain for gain in (0.1, 1, 4)])
    session.selection.choose_image(viewer.add_image(planes, name="stack", contrast_limits=(0, 255)))
    # The strokes are another image's.
    step.restriction.keep_annotated.setChecked(False)
    inside = np.full(planes.shape, 0.45, np.float32)
    inside[:, 12:52, 12:52] = 0.55
    inside += rng.normal(0, 0.03, inside.shape).astype(np.float32)
    source = viewer.add_image(np.stack([1 - inside, inside]), name="p", contrast_limits=(0, 1))
    session.selection.choose_sources((source,))
    viewer.dims.set_point(1, 0)
    qtbot.wait(50)
    whole = _refine(step, qtbot).refined.data.copy()
    step.restriction.extent.setCurrentIndex(1)
    np.testing.assert_array_equal(_refine(step, qtbot).refined.data[0], whole[0])
    # And so is its preview.
    with qtbot.waitSignal(step.preview.shown, timeout=60_000):
        step.preview_box.setChecked(True)
    qtbot.waitUntil(lambda: viewer.layers["stack preview"].data.shape == (1, 64, 64))
    np.testing.assert_array_equal(viewer.layers["stack preview"].data[0], whole[0])
    # What differs if each slice had a mapping of its own.
    alone = refinement.refine(planes[0], source.data[:, 0], step.controls.settings())
    assert (alone.argmax(axis=0) + 1 != whole[0]).mean() > 0.01
    step.preview_box.setChecked(False)


def test_a_region_in_one_slice(step, viewer, session, qtbot, stack):
    viewer.add_shapes([[[0, 0], [0, 64], [30, 64], [30, 0]]], name="region")
    qtbot.waitUntil(lambda: step.restriction.within.count() == 2)
    step.restriction.within.setCurrentIndex(1)
    step.restriction.extent.setCurrentIndex(1)
    viewer.dims.set_point(1, 1)
    refined = _refine(step, qtbot)
    differ = refined.predicted.data != refined.refined.data
    assert differ[1, :30].any()
    assert not differ[1, 31:].any()
    assert not differ[[0, 2]].any()


def test_the_preview_reads_a_stack_once(step, viewer, qtbot, stack, monkeypatch):
    read = []
    whole = RefinementInput.whole
    monkeypatch.setattr(
        RefinementInput,
        "whole",
        lambda given: read.append(threading.current_thread().name) or whole(given),
    )
    for extent in (0, 2):  # slices one by one; a volume
        step.restriction.extent.setCurrentIndex(extent)
        with qtbot.waitSignal(step.preview.shown, timeout=120_000):
            step.preview_box.setChecked(True)
        for at in (1, 2):
            with qtbot.waitSignal(step.preview.shown, timeout=60_000):
                viewer.dims.set_point(1, at)
        with qtbot.waitSignal(step.preview.shown, timeout=60_000):
            step.controls._controls["bilateral_weight"].value = extent
        step.preview_box.setChecked(False)
    assert read == ["fcn-crf preview"]


def test_the_preview_follows_sliders_and_camera(step, viewer, qtbot):
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    preview = viewer.layers["squares preview"]
    # A slow machine shows a coarse frame before.
    qtbot.waitUntil(lambda: preview.data.shape == (64, 64))
    first = np.array(preview.data)
    step.controls._controls["bilateral_weight"].value = 0
    qtbot.waitUntil(
        lambda: preview.data.shape == (64, 64) and not np.array_equal(preview.data, first)
    )
    assert [layer.name for layer in viewer.layers].count("squares preview") == 1
    assert not preview.editable
    assert preview.data.shape == (64, 64)
    viewer.show()  # napari tells layers what is seen of them when it draws
    camera = camera_of(viewer)
    camera.center, camera.zoom = (0, 8, 8), 1000
    qtbot.waitUntil(lambda: preview.data.shape == (32, 32), timeout=60_000)
    np.testing.assert_allclose(preview.data_to_world((0, 0)), (0, 0))
    camera.center = (0, 8, 56)
    qtbot.waitUntil(lambda: tuple(preview.data_to_world((0, 0))) == (0, 32), timeout=60_000)
    step.preview_box.setChecked(False)
    assert "squares preview" not in viewer.layers


def test_the_preview_tells_once_of_settings_that_are_refused(step, viewer, qtbot, notes):
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    refused = replace(SMALL, bilateral_sigma_intensity=1e-6)
    for times in (1, 2):
        failed, moves = [], itertools.count()
        step.preview._failed.connect(lambda *_, seen=failed: seen.append(1))
        step.controls.set_settings(refused)

        def moved(seen=failed, moves=moves) -> bool:
            camera_of(viewer).center = (0, 8, 8 + next(moves) % 8)
            return len(seen) > 2

        qtbot.waitUntil(moved)
        told = [note for note in notes() if "bilateral_sigma_intensity" in note]
        assert len(told) == times
        with qtbot.waitSignal(step.preview.shown, timeout=60_000):
            step.controls.set_settings(SMALL)
    step.preview_box.setChecked(False)


def test_the_live_preview_and_that_of_a_training_are_two(step, viewer, qtbot):
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    live = viewer.layers["squares preview"]
    colours = viewer.layers["strokes"].colormap
    for value in (3, 7):
        given = np.full(live.data.shape, value, np.uint8)
        preview_layers.show_prediction_preview(viewer, viewer.layers["squares"], given, colours, ())
    (training,) = (layer for layer in viewer.layers if layer.name == "squares preview [1]")
    assert (training.data == 7).all()
    assert tuple(training.get_color(7)) == tuple(viewer.layers["strokes"].get_color(7))
    preview_layers.remove_preview(viewer)
    assert training not in viewer.layers
    assert live in viewer.layers
    step.preview_box.setChecked(False)
    assert live not in viewer.layers


def test_a_slow_frame_is_coarse_until_the_slider_rests(step, viewer, qtbot, monkeypatch):
    # Frames may take next to nothing: none at full resolution is quick enough then.
    monkeypatch.setattr(pace, "FRAME_S", 1e-9)
    monkeypatch.setattr(pace, "FEWEST_PX", 16 * 16)
    shapes = []
    step.preview.shown.connect(lambda: shapes.append(viewer.layers["squares preview"].data.shape))
    step.preview_box.setChecked(True)
    qtbot.waitUntil(lambda: shapes[-1:] == [(64, 64)], timeout=120_000)
    assert shapes[0] == (16, 16)
    qtbot.wait(500)  # what the new layer brings about
    shapes.clear()
    step.controls._controls["bilateral_weight"].value = 0
    qtbot.waitUntil(lambda: (16, 16) in shapes and shapes[-1] == (64, 64))
    step.preview_box.setChecked(False)


def test_a_frame_is_drawn_once_and_lies_in_its_image(step, viewer, qtbot):
    image = viewer.layers["squares"]
    image.scale, image.translate, image.rotate = (2, 3), (5, 7), 30
    turned = np.eye(3)
    turned[1:, 1:] = image.rotate
    for layer in viewer.layers:
        # All of them, or they would lie elsewhere.
        lone = (1,) * (layer.ndim - 2)
        layer.scale, layer.translate = (*lone, 2, 3), (*(0 for _ in lone), 5, 7)
        layer.rotate = turned[3 - layer.ndim :, 3 - layer.ndim :]
    qtbot.wait(50)
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    qtbot.wait(500)  # what the new layer brings about
    preview = viewer.layers["squares preview"]
    for corner in ((0, 0), (63, 10)):
        np.testing.assert_allclose(preview.data_to_world(corner), image.data_to_world(corner))
    drawn, frames = [], []
    preview.events.set_data.connect(lambda event: drawn.append(event))
    step.preview.shown.connect(lambda: frames.append(1))
    with qtbot.waitSignal(step.preview.shown, timeout=60_000):
        step.controls._controls["bilateral_weight"].value = 0
    assert len(drawn) == len(frames)
    step.preview_box.setChecked(False)


def test_tuning_shows_its_score(step, session, qtbot, monkeypatch):
    found = []
    tune = edge_sensitivity.tune

    def observed(*args, **kwargs):
        found.append(tune(*args, **kwargs))
        return found[-1]

    monkeypatch.setattr(edge_sensitivity, "tune", observed)
    click(qtbot, step.tune_button)
    wait_until_idle(qtbot, session)
    (result,) = found
    assert f": {result.score_before:.3f} → {result.score_after:.3f}." in step.tuned.text()
    assert (
        f" of {len(edge_sensitivity.FACTORS)} was clearly better: settings unchanged"
        in step.tuned.text()
    )
    assert step.controls.settings() == SMALL

    sharper = replace(SMALL, bilateral_sigma_intensity=2.5)
    step._on_tuned(edge_sensitivity.TuningResult(sharper, 0.25, 0.75, 4))
    assert ": 0.250 → 0.750. Edge sensitivity 5.0 → 2.5, after 4 trials." in step.tuned.text()
    assert step.controls.settings() == sharper


def test_uncertainty_leads_the_brush(step, viewer, session, qtbot):
    step.uncertainty.show_button.click()
    wait_until_idle(qtbot, session)
    entropy = viewer.layers["squares uncertainty"].data
    assert entropy.shape == (64, 64)
    entropy[:] = 0
    entropy[50:60, 2:12] = 1
    qtbot.waitUntil(step.uncertainty.go_button.isEnabled)
    step.uncertainty.go_button.click()
    wait_until_idle(qtbot, session)
    row, column = camera_of(viewer).center[-2:]
    assert 45 < row < 62
    assert 0 < column < 15
    assert viewer.layers.selection.active.name == "strokes"
    assert viewer.layers["strokes"].mode == "paint"
    # Large enough to paint in, and outlined until somebody does, or does something else.
    mark = viewer.layers["squares look here"]
    size = np.ptp(mark.data[0], axis=0).max() * camera_of(viewer).zoom
    canvas = viewer.window._qt_viewer.canvas.native
    assert 0.3 < size / min(canvas.width(), canvas.height()) < 0.9
    assert [layer.name for layer in viewer.layers][-2:] == ["strokes", "squares look here"]
    assert step.restriction.within.findText("squares look here") == -1
    viewer.layers["strokes"].paint((55, 5), 7)
    assert mark not in viewer.layers
    # The next is elsewhere.
    click(qtbot, step.uncertainty.go_button)
    wait_until_idle(qtbot, session)
    assert np.hypot(*np.subtract(camera_of(viewer).center[-2:], (row, column))) > 10
    _refine(step, qtbot)
    assert "squares look here" not in viewer.layers


def test_cleaning_up_makes_new_layers(step, viewer, session, qtbot):
    refined = _refine(step, qtbot).refined
    refined.data[5, 5], refined.data[55:60, 50:60] = 7, 7
    before = refined.data.copy()
    session.class_names.name(3, "background")
    step.cleanup.minimum_px.setValue(100)
    step.cleanup.remove_button.click()
    wait_until_idle(qtbot, session)
    cleaned = viewer.layers["squares cleaned"].data
    assert (cleaned[5, 5], cleaned[57, 55], cleaned[30, 30]) == (3, 3, 7)
    choice = step.cleanup.split_class
    assert [choice.itemText(row) for row in range(choice.count())] == ["background", "class 7"]
    assert choice.currentData() == 7
    refined.selected_label = 3  # of a layer that nobody looks at: it decides nothing
    assert step.cleanup.object_px.text() == "automatic"
    step.cleanup.split_button.click()
    wait_until_idle(qtbot, session)
    instances = viewer.layers["squares instances"].data
    assert set(np.unique(instances)) == {0, 1}, "the others are too small beside the square"
    step.cleanup.object_px.setValue(1)
    step.cleanup.split_button.click()
    wait_until_idle(qtbot, session)
    instances = viewer.layers["squares instances"].data
    np.testing.assert_array_equal(instances > 0, before == 7)
    assert len({int(instances[at]) for at in ((5, 5), (57, 55), (30, 30))}) == 3
    np.testing.assert_array_equal(refined.data, before)


def test_presets_are_offered_and_kept(step, qtbot, tmp_path):
    choice = step.controls.preset_choice
    assert choice.currentText() == "own settings"
    choice.setCurrentText("DeepLab")
    choice.activated.emit(choice.currentIndex())
    assert step.controls.settings() == presets.PUBLISHED["DeepLab"]
    presets.save("mine", SMALL, tmp_path / "presets.json")
    step.controls._fill_presets()
    step.controls.set_settings(SMALL)
    assert choice.currentText() == "mine"


def test_a_preset_travels_with_the_model(step, session, qtbot, tmp_path):
    keep = step.controls.keep_action
    assert not keep.isEnabled()
    plain, file = tmp_path / "plain.keras", tmp_path / "m.keras"
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr(CARD_MEMBER, CARD.to_json())
    network_actions.open_model(session, plain)
    qtbot.waitUntil(keep.isEnabled)
    choice = step.controls.preset_choice
    assert choice.findText("from the model") == -1

    keep.trigger()
    assert not session.models.model.is_saved
    assert session.models.model.card == replace(CARD, crf=SMALL)
    session.models.save(file)
    assert read_card(file) == session.models.model.card
    qtbot.waitUntil(lambda: choice.currentText() == "from the model")

    # Someone who opens it finds its settings chosen, unless they had chosen others.
    network_actions.open_model(session, plain)
    qtbot.waitUntil(lambda: choice.findText("from the model") == -1)
    step.controls.set_settings(CRFSettings())
    network_actions.open_model(session, file)
    qtbot.waitUntil(lambda: step.controls.settings() == SMALL)
    assert choice.currentText() == "from the model"


def test_the_key_alone_measures_what_it_needs(step, viewer, session, qtbot):
    """As the README says it: refine, then Shift-N goes where the next stroke helps most."""
    refined = _refine(step, qtbot).refined
    click(qtbot, step.uncertainty.go_button)
    qtbot.waitUntil(lambda: "squares look here" in viewer.layers)
    wait_until_idle(qtbot, session)
    # What was looked at is still on the screen.
    assert refined.visible
    assert not viewer.layers["squares uncertainty"].visible
