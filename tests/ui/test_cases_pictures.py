"""Pictures as people open them: channels anywhere, files that say more than napari shows."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage

from napari_fcn_crf.crf.live.region import Region, RegionRefiner
from napari_fcn_crf.ui.actions.refinement_input import RefinementOptions, gather
from napari_fcn_crf.ui.sections.picture_choice import PictureChoice
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from napari_fcn_crf.ui.viewer.layer_picture import check_same_place, picture_of
from tests.ui.conftest import click, wait_until_idle
from tests.ui.mouse import drag
from tests.ui.test_cases_place import changed, noise, predicted


def open_file(viewer, session, qtbot, path):
    """Open a file as File > Open does, and choose it."""
    (layer,) = viewer.open(path, plugin="napari")
    session.selection.choose_image(layer)
    qtbot.wait(100)
    return layer


@pytest.mark.parametrize(
    ("axes", "shape", "kind"),
    [
        ("ZCYX", (3, 2, 60, 80), {"imagej": True}),
        ("TZCYX", (2, 3, 4, 60, 80), {"ome": True}),
        pytest.param("TCYX", (4, 3, 60, 80), {"imagej": True}, marks=pytest.mark.long),
    ],
)
def test_channels_between_other_axes_become_layers(
    viewer, session, panel, qtbot, tmp_path, notes, axes, shape, kind
) -> None:
    """napari would lay the labels' planes on the channels, and strokes would go astray."""
    stack = noise(*shape)
    tifffile.imwrite(tmp_path / "cells.tif", stack, metadata={"axes": axes}, **kind)
    image = open_file(viewer, session, qtbot, tmp_path / "cells.tif")
    choice, annotate = panel.findChild(PictureChoice), panel.steps[AnnotateStep]
    n_channels = shape[axes.index("C")]
    assert choice.text.text().startswith(f"{n_channels} channels, ")
    assert "as its file says" in choice.text.text()
    annotate.new_labels_button.click()
    assert session.selection.annotation is None
    assert "Press Split channels" in notes()[0]
    assert not choice.split_button.isHidden()
    choice.split_button.click()
    qtbot.wait(100)
    assert image not in viewer.layers
    assert [layer.name for layer in viewer.layers] == [f"cells {at}" for at in range(n_channels)]
    assert all(np.shares_memory(layer.data, image.data) for layer in viewer.layers)
    picture = session.selection.picture()
    last = np.moveaxis(stack, axes.index("C"), -1)
    np.testing.assert_array_equal(picture.channels_last(), last)
    assert picture.axes == axes.replace("C", "").lower() + "c"
    assert choice.split_button.isHidden()
    # A stroke goes to the plane on the screen.
    annotate.new_labels_button.click()
    labels = session.selection.annotation
    assert labels.data.shape == last.shape[:-1]
    viewer.window._qt_window.show()
    viewer.dims.set_point(range(labels.ndim - 2), [1] * (labels.ndim - 2))
    qtbot.wait(100)
    drag(viewer, qtbot, (20, 20), (20, 60))
    on_screen = (1,) * (labels.ndim - 2)
    assert labels.data[on_screen][20, 30:50].all()
    assert labels.data[on_screen].sum() == labels.data.sum()
    check_same_place(picture, labels)
    # Whichever of the channels is chosen, the labels are those of the picture.
    session.selection.choose_image(viewer.layers["cells 1"])
    session.selection.choose_channels([viewer.layers["cells 0"]])
    session.selection.require_own(labels, viewer.layers["cells 1"])
    session.selection.choose_image(viewer.layers["cells 0"])
    assert session.selection.picture().channels == n_channels


def test_split_channels_keep_their_place(viewer, session, panel, qtbot) -> None:
    stack = noise(3, 2, 60, 80)
    image = viewer.add_image(
        stack,
        axis_labels=("z", "c", "y", "x"),
        scale=(3, 1, 0.5, 0.5),
        translate=(1, 0, 7, -3),
        units=("um", "pixel", "um", "um"),
        affine=np.diag([1, 1, 2, 2, 1]),
    )
    expected = np.delete(image.data_to_world((1, 0, 2, 3)), 1)
    session.selection.choose_image(image)
    panel.findChild(PictureChoice).split_button.click()
    one = viewer.layers[0]
    np.testing.assert_allclose(one.data_to_world((1, 2, 3)), expected)
    assert [str(unit) for unit in one.units] == ["micrometer"] * 3
    assert picture_of(one).axes == "zyx"
    check_same_place(picture_of(one), viewer.layers[1])


def test_lazy_channels_are_not_read(viewer, session, panel, qtbot) -> None:
    import dask.array as da

    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.zeros((1, 1, 60, 80), np.uint8)

    lazy = da.map_blocks(block, chunks=((1,) * 4, (1,) * 2, (60,), (80,)), dtype=np.uint8)
    image = viewer.add_image(lazy, axis_labels=("z", "c", "y", "x"), contrast_limits=(0, 1))
    pyramid = [lazy, lazy[:, :, ::2, ::2]]
    viewer.layers.remove(image)
    image = viewer.add_image(
        pyramid, axis_labels=("z", "c", "y", "x"), contrast_limits=(0, 1), multiscale=True
    )
    session.selection.choose_image(image)
    read.clear()
    panel.findChild(PictureChoice).split_button.click()
    assert len({at[0] for at in read}) < 4
    assert viewer.layers[0].multiscale
    assert session.selection.picture().spatial_shape == (4, 60, 80)


@pytest.mark.parametrize("n_channels", [2, 5])
def test_channels_behind_the_columns(viewer, session, panel, qtbot, n_channels) -> None:
    """napari shows columns and channels as rows and columns, until they are layers."""
    cells = noise(60, 80, n_channels)
    session.selection.choose_image(viewer.add_image(cells, name="cells"))
    choice = panel.findChild(PictureChoice)
    qtbot.wait(100)
    assert choice.text.text().startswith(f"{n_channels} channels, 60 x 80")
    choice.split_button.click()
    np.testing.assert_array_equal(session.selection.picture().channels_last(), cells)


def test_the_last_axis_can_be_taken_for_columns(viewer, session, panel, qtbot) -> None:
    session.selection.choose_image(viewer.add_image(noise(60, 80, 20)))
    choice = panel.findChild(PictureChoice)
    qtbot.wait(100)
    for data, said in (("x", "1 channel, 60 planes, 80 x 20"), ("c", "20 channels, 60 x 80")):
        choice.last_choice.setCurrentIndex(choice.last_choice.findData(data))
        choice.last_choice.activated.emit(0)
        qtbot.wait(100)
        assert choice.text.text().startswith(said)


def test_a_fourth_colour_may_be_a_channel(viewer, session, panel, qtbot, tmp_path) -> None:
    four = noise(60, 80, 4)
    image = viewer.add_image(four)
    assert image.rgb
    session.selection.choose_image(image)
    choice = panel.findChild(PictureChoice)
    qtbot.wait(100)
    assert session.selection.picture().channels == 3
    assert "Transparency is left out" in choice.note.toolTip()
    choice.last_choice.setCurrentIndex(1)
    choice.last_choice.activated.emit(1)
    assert session.selection.picture().channels == 4
    qtbot.wait(100)
    assert choice.note.isHidden()
    tifffile.imwrite(tmp_path / "a.tif", four, photometric="minisblack", planarconfig="contig")
    opened = open_file(viewer, session, qtbot, tmp_path / "a.tif")
    assert opened.rgb
    assert session.selection.picture().channels == 4


def test_a_photograph_that_is_to_be_turned_is_offered_so(
    viewer, session, panel, qtbot, tmp_path
) -> None:
    shade = np.add.outer(np.arange(40), 3 * np.arange(50)).astype(np.uint8)
    exif = PillowImage.Exif()
    exif[274] = 6
    PillowImage.fromarray(shade).save(tmp_path / "photo.png", exif=exif)
    image = open_file(viewer, session, qtbot, tmp_path / "photo.png")
    np.testing.assert_array_equal(image.data, shade)
    choice = panel.findChild(PictureChoice)
    assert "EXIF orientation 6" in session.selection.picture().notes[0]
    assert "turned by 90 degrees" in choice.note.toolTip()
    choice.meant_button.click()
    wait_until_idle(qtbot, session)
    upright = session.selection.image
    assert (upright.name, image.visible) == ("photo upright", False)
    np.testing.assert_array_equal(upright.data, np.rot90(shade, -1))
    assert choice.note.isHidden()
    assert choice.meant_button.isHidden()
    np.testing.assert_array_equal(image.data, shade)


def test_a_palette_is_offered_as_colours(viewer, session, panel, qtbot, tmp_path) -> None:
    colours = PillowImage.fromarray(noise(40, 50) // 8 * 8).convert("RGB").quantize(16)
    colours.save(tmp_path / "a.tif")
    image = open_file(viewer, session, qtbot, tmp_path / "a.tif")
    assert image.data.shape == (40, 50)
    choice = panel.findChild(PictureChoice)
    assert "Shown as stored: numbers of a palette" in choice.note.toolTip()
    choice.meant_button.click()
    wait_until_idle(qtbot, session)
    assert session.selection.picture().channels == 3
    shown = np.asarray(colours.convert("RGB"))
    np.testing.assert_array_equal(session.selection.image.data, shown)


def test_sixteen_bits_that_napari_cuts_are_offered(viewer, session, panel, qtbot, tmp_path) -> None:
    import imagecodecs

    deep = np.random.default_rng(0).integers(900, 1400, (40, 50, 3), np.uint16)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(deep))
    open_file(viewer, session, qtbot, tmp_path / "a.png")
    choice = panel.findChild(PictureChoice)
    assert "Only 8 of 16 bits were read of a.png" in choice.note.toolTip()
    choice.meant_button.click()
    wait_until_idle(qtbot, session)
    np.testing.assert_array_equal(session.selection.picture().channels_last(), deep)


def test_a_file_that_is_gone_or_another_says_nothing(viewer, session, qtbot, tmp_path) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, noise(3, 2, 60, 80), imagej=True, metadata={"axes": "ZCYX"})
    image = open_file(viewer, session, qtbot, path)
    assert picture_of(image).axes == "zcyx"
    tifffile.imwrite(path, noise(2, 60, 80), imagej=True, metadata={"axes": "CYX"})
    assert picture_of(image).axes == "tzyx"
    path.unlink()
    assert picture_of(image).axes == "tzyx"


ORDERS = [
    (0, 1, 2),
    (2, 0, 1),
    *(pytest.param(order, marks=pytest.mark.long) for order in ((1, 0, 2), (2, 1, 0), (0, 2, 1))),
]


@pytest.mark.parametrize("order", ORDERS)
def test_the_preview_is_what_is_on_the_screen(viewer, session, panel, qtbot, order) -> None:
    """Looking at any plane, also with rows for columns."""
    image = viewer.add_image(noise(40, 50, 60), scale=(2, 1, 1), name="stack")
    predicted(viewer, session, image)
    step = panel.steps[RefineStep]
    viewer.dims.order = (0, *(axis + 1 for axis in order))
    viewer.dims.set_point(order[0] + 1, 7 * image.scale[order[0]])
    viewer.reset_view()
    qtbot.wait(200)
    given = gather(session, RefinementOptions(extent="slice"))
    arrays = given.arrays()
    rows, columns = arrays.image.shape[:2]
    refiner = RegionRefiner(arrays.mapped(), arrays.probabilities, None)
    whole = Region((0, rows), (0, columns), 1)
    expected = arrays.values[refiner.refine(whole, step.controls.settings())]
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    preview = viewer.layers["stack preview"]
    qtbot.waitUntil(lambda: preview.data.size == expected.size, timeout=60_000)
    np.testing.assert_array_equal(preview.data.squeeze(), expected)
    # What napari draws of it, and of the image, lie on each other.
    for at in ((10, 12), (30, 41)):
        index = [7, 7, 7]
        for axis, one in zip(sorted(order[1:]), at, strict=True):
            index[axis] = one
        world = image.data_to_world(index)
        assert preview.get_value(world, world=True) == expected[at]
    seen = [
        np.ptp(layer.extent.world, axis=0) + np.array(layer.scale) for layer in (preview, image)
    ]
    np.testing.assert_allclose(seen[0], seen[1])
    step.preview_box.setChecked(False)


def test_the_preview_goes_where_there_is_no_plane(viewer, session, panel, qtbot) -> None:
    predicted(viewer, session, viewer.add_image(noise(40, 50, 60), name="stack"))
    step = panel.steps[RefineStep]
    with qtbot.waitSignal(step.preview.shown, timeout=120_000):
        step.preview_box.setChecked(True)
    viewer.dims.ndisplay = 3
    assert "stack preview" not in viewer.layers
    qtbot.wait(500)
    assert "stack preview" not in viewer.layers
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: "stack preview" in viewer.layers, timeout=60_000)
    step.preview_box.setChecked(False)


def test_strokes_of_another_shape_are_left_out_and_that_is_said(
    viewer, session, qtbot, notes
) -> None:
    image = viewer.add_image(noise(60, 80), name="a")
    predicted(viewer, session, image)
    strokes = viewer.add_labels(np.ones((30, 30), np.uint8), name="others")
    session.selection.choose_annotation(strokes)
    session.meaning.choose_mode("scribbles")
    changed(qtbot, session)
    assert any("'others' is left out: it is 30 x 30, and 'a' is 60 x 80" in one for one in notes())
    moved = viewer.add_labels(np.ones((60, 80), np.uint8), name="moved", translate=(9, 9))
    session.selection.choose_annotation(moved)
    session.meaning.choose_mode("scribbles")
    with pytest.raises(ValueError, match=r"'a' and 'moved' must lie.*untick Keep what I painted"):
        gather(session, RefinementOptions())


def test_a_smooth_image_as_labels_is_called_swapped(viewer, session, panel, qtbot) -> None:
    smooth = np.tile(np.arange(200, dtype=np.uint8) // 4, (64, 1))
    viewer.add_image((smooth > 20).astype(np.uint8), name="a")
    session.selection.choose_annotation(viewer.add_labels(smooth))
    verdict = panel.steps[AnnotateStep].verdict
    qtbot.waitUntil(lambda: "look like an image" in verdict.text())
    assert "the image has 2" in verdict.text()


def test_minus_one_is_offered_as_not_annotated(viewer, session, panel, qtbot) -> None:
    labels = np.full((60, 80), -1, np.int32)
    labels[5:9, 5:70], labels[30:34, 5:70] = 0, 1
    viewer.add_image(noise(60, 80))
    session.selection.choose_annotation(viewer.add_labels(labels))
    annotate = panel.steps[AnnotateStep]
    qtbot.waitUntil(lambda: "tick that -1" in annotate.verdict.text().lower())
    assert session.meaning.mode == "mask"
    annotate.meaning.void_box.click()
    qtbot.waitUntil(lambda: annotate.verdict.text().startswith("Ready: 2 classes"))
    assert session.meaning.ignore_label == -1


def test_transparency_beside_gray_is_no_channel(viewer, session, panel, qtbot, tmp_path) -> None:
    gray = noise(60, 80)
    PillowImage.fromarray(np.dstack([gray, gray // 2]), "LA").save(tmp_path / "a.png")
    image = open_file(viewer, session, qtbot, tmp_path / "a.png")
    assert image.data.shape == (60, 80, 2)
    choice = panel.findChild(PictureChoice)
    assert choice.text.text().startswith("1 channel, 60 x 80")
    choice.split_button.click()
    assert [layer.name for layer in viewer.layers] == ["a 0"]
    np.testing.assert_array_equal(session.selection.picture().channels_last()[..., 0], gray)


def test_a_volumes_spacing_is_its_files_where_napari_drops_it(
    viewer, session, qtbot, tmp_path
) -> None:
    size = {"axes": "ZYX", "unit": "um", "spacing": 2.0}
    tifffile.imwrite(
        tmp_path / "a.tif", noise(5, 40, 50), imagej=True, resolution=(4, 4), metadata=size
    )
    image = open_file(viewer, session, qtbot, tmp_path / "a.tif")
    predicted(viewer, session, image)
    given = gather(session, RefinementOptions(extent="volume"))
    np.testing.assert_allclose(np.array(given.spacing) / given.spacing[-1], (8, 1, 1))
    assert "are 2 x 0.25 x 0.25 µm, as its file says" in given.note
    # What the layer says counts more.
    image.scale = (3, 1, 1)
    predicted(viewer, session, image)
    assert gather(session, RefinementOptions(extent="volume")).spacing == (3, 1, 1)


def test_spacing_of_mixed_units(viewer, session) -> None:
    image = viewer.add_image(noise(5, 40, 50), scale=(1, 0.2, 0.2), units=("pixel", "um", "um"))
    predicted(viewer, session, image)
    spacing = gather(session, RefinementOptions(extent="volume")).spacing
    np.testing.assert_allclose(spacing, (1, 0.2, 0.2))
    movie = viewer.add_image(noise(5, 40, 50), scale=(30, 0.2, 0.2), units=("s", "um", "um"))
    predicted(viewer, session, movie)
    with pytest.raises(ValueError, match="a time apart"):
        gather(session, RefinementOptions(extent="volume"))


@pytest.mark.long
def test_split_channels_from_strokes_to_refined_labels(viewer, session, panel, qtbot) -> None:
    """The plane that is looked at is that along the columns, when it is refined."""
    cells = noise(4, 2, 48, 64)
    cells[:, 0, 16:40, 16:48] //= 4
    image = viewer.add_image(cells, axis_labels=("z", "c", "y", "x"), name="cells")
    session.selection.choose_image(image)
    panel.findChild(PictureChoice).split_button.click()
    qtbot.wait(100)
    panel.steps[AnnotateStep].new_labels_button.click()
    labels = session.selection.annotation
    strokes = labels.data.copy()
    strokes[1, 2:6, 4:60], strokes[1, 24:30, 20:44] = 1, 2
    labels.data = strokes
    train, predict = panel.steps[TrainStep], panel.steps[PredictStep]
    train.controls.iterations.value = 0
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert session.models.model.card.channels == 2
    click(qtbot, predict.predict_button)
    wait_until_idle(qtbot, session)
    viewer.dims.order = (0, 3, 1, 2)
    viewer.dims.set_point(3, 30)
    changed(qtbot, session, extent="slice")
    refined = session.results.refined.refined
    assert refined.data.shape == (4, 48, 64)
    assert (refined.data[:, 20:36, 30] == 2).mean() > 0.9
    assert refined.get_value((1, 28, 30), world=True) == refined.data[1, 28, 30]
    check_same_place(session.selection.picture(), refined)


def test_an_image_of_another_shape_beneath_the_strokes(viewer, session, panel, qtbot) -> None:
    image = viewer.add_image(noise(60, 80), name="a")
    session.selection.choose_image(image)
    qtbot.wait(100)
    annotate, train = panel.steps[AnnotateStep], panel.steps[TrainStep]
    annotate.new_labels_button.click()
    labels = session.selection.annotation
    strokes = labels.data.copy()
    strokes[4:8], strokes[30:34] = 1, 2
    labels.data = strokes
    image.data = noise(50, 70)
    said = "'a' is 50 x 70 and 'a labels' is 60 x 80"
    qtbot.waitUntil(lambda: said in annotate.verdict.text())
    assert not train.train_button.button.isEnabled()
    assert said in train.train_button.button.toolTip()
