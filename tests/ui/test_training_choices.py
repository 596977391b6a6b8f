"""What can be chosen before a training: pairs, class names, network, weights, device."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtWidgets import QFileDialog

from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.model.card import read_card
from napari_fcn_crf.settings import BUNDLED
from napari_fcn_crf.ui.actions import network_actions
from napari_fcn_crf.ui.actions.training_input import training_pairs
from napari_fcn_crf.ui.session.model_store import WeightsChoice
from napari_fcn_crf.ui.steps.annotate import AnnotateStep
from napari_fcn_crf.ui.steps.device import DeviceStep
from napari_fcn_crf.ui.steps.network import NetworkStep
from napari_fcn_crf.ui.steps.predict import PredictStep
from napari_fcn_crf.ui.steps.refine import RefineStep
from napari_fcn_crf.ui.steps.train import TrainStep
from tests.ui.conftest import click, press, wait_until_idle


def test_training_on_two_images_of_other_sizes(viewer, panel, session, qtbot, two_squares):
    image, labels = two_squares
    first = viewer.add_image(image, name="first")
    strokes = viewer.add_labels(labels, name="first strokes")
    qtbot.wait(20)
    pairs = panel.steps[AnnotateStep].pairs
    pairs.add_button.click()
    second = viewer.add_image(image[:, :48].copy(), name="second")
    more = viewer.add_labels(labels[:, :48].copy(), name="second strokes")
    session.selection.choose_image(second)
    session.selection.choose_annotation(more)
    assert training_pairs(session) == [(second, more), (first, strokes)]
    panel.steps[TrainStep].controls.iterations.value = 0
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    pixels = session.models.model.card.record["class_pixels"]
    assert pixels["3"] == (labels == 3).sum() + (labels[:, :48] == 3).sum()

    pairs.list.setCurrentRow(0)
    pairs.remove_button.click()
    assert session.pairs.layers == ()


def test_files_for_tensorboard(viewer, panel, session, qtbot, two_squares, tmp_path, notes):
    image, labels = two_squares
    viewer.add_image(image)
    viewer.add_labels(labels)
    step = panel.steps[TrainStep]
    step.controls.iterations.value = 2
    choice = step.controls.tensorboard
    assert choice.run_folder() is None
    choice.switch.click()
    assert Path(choice.folder.text()).parent == Path.home()
    choice.folder.setText(" ")
    click(qtbot, step.train_button)
    assert "need a folder, but none was chosen" in notes()[-1]
    assert session.runner.activity is None
    choice.folder.setText(str(tmp_path / "log"))
    click(qtbot, step.train_button)
    wait_until_idle(qtbot, session)
    click(qtbot, step.train_button)
    wait_until_idle(qtbot, session)
    runs = list((tmp_path / "log").iterdir())
    assert len(runs) == 2
    for run in runs:
        (file,) = run.iterdir()
        assert "tfevents" in file.name


def test_new_strokes_are_to_be_learnt_first(viewer, panel, session, qtbot, two_squares):
    image, strokes = two_squares
    viewer.add_image(image, name="squares")
    labels = viewer.add_labels(strokes, name="strokes")
    train, predict = panel.steps[TrainStep], panel.steps[PredictStep].predict_button
    train.controls.iterations.value = 0
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    qtbot.waitUntil(lambda: predict.is_next)
    labels.paint((50, 50), 3)
    qtbot.waitUntil(lambda: train.train_button.is_next)
    assert "New strokes" in train.summary()
    assert not predict.is_next
    labels.undo()
    qtbot.waitUntil(lambda: predict.is_next)
    assert not train.train_button.is_next


def test_training_on_a_folder_of_images_of_many_sizes(
    viewer, panel, session, qtbot, two_squares, tmp_path, monkeypatch
):
    image, labels = two_squares
    for name, width in (("a", 64), ("b", 50)):
        PIL.Image.fromarray(image[:, :width]).save(tmp_path / f"{name}.png")
        PIL.Image.fromarray(labels[:, :width]).save(tmp_path / f"{name}_labels.png")
    pairs, train = panel.steps[AnnotateStep].pairs, panel.steps[TrainStep]
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    pairs.folder_button.click()
    qtbot.waitUntil(lambda: pairs.list.count() == 2)
    assert pairs.list.item(1).text() == "b.png — b_labels.png"
    assert session.meaning.mode == "scribbles"
    # No layer is needed for it; with one, it is trained on as well.
    train.controls.iterations.value = 0
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert (
        session.models.model.card.record["class_pixels"]["3"]
        == (labels == 3).sum() + (labels[:, :50] == 3).sum()
    )
    assert session.models.model.name == f"{tmp_path.name}.keras"
    pairs.list.setCurrentRow(0)
    pairs.remove_button.click()
    assert [pair.image.name for pair in session.pairs.files] == ["b.png"]
    viewer.add_image(image, name="open")
    viewer.add_labels(labels, name="open strokes")
    qtbot.wait(20)
    click(qtbot, train.train_button)
    wait_until_idle(qtbot, session)
    assert len(session.models.model.card.record["images_sha256"]) == 2


def test_colours_and_names_come_back_with_a_model(
    viewer, panel, session, qtbot, two_squares, tmp_path
):
    image, labels = two_squares
    colours = {3: (1.0, 0.0, 0.0, 1.0), 7: (0.0, 0.0, 1.0, 1.0), None: (0.0, 0.0, 0.0, 0.0)}
    viewer.add_image(image, name="squares")
    viewer.add_labels(labels, colormap=DirectLabelColormap(color_dict=colours))
    session.class_names.name(7, "nucleus")
    panel.steps[TrainStep].controls.iterations.value = 0
    click(qtbot, panel.steps[TrainStep].train_button)
    wait_until_idle(qtbot, session)
    session.models.save(tmp_path / "squares.keras")
    assert read_card(tmp_path / "squares.keras").class_colours == (colours[3], colours[7])

    viewer.layers.clear()
    session.class_names.name(7, "")
    viewer.add_image(image, name="another")
    network_actions.open_model(session, tmp_path / "squares.keras")
    assert session.class_names.of(7) == "nucleus"
    click(qtbot, panel.steps[PredictStep].predict_button)
    wait_until_idle(qtbot, session)
    click(qtbot, panel.steps[RefineStep].refine_button)
    wait_until_idle(qtbot, session)
    for kind in ("predicted", "refined"):
        layer = viewer.layers[f"another {kind}"]
        for value in (3, 7):
            np.testing.assert_allclose(layer.get_color(value), colours[value])


def test_a_pair_goes_with_its_layer(viewer, session, qtbot, two_squares):
    image, labels = two_squares
    session.pairs.add(viewer.add_image(image), viewer.add_labels(labels))
    assert len(session.pairs.layers) == 1
    viewer.layers.clear()
    qtbot.waitUntil(lambda: session.pairs.layers == ())


def test_an_empty_annotation_beside_other_pairs_is_not_trained_on(
    viewer, session, qtbot, two_squares
):
    image, labels = two_squares
    pair = (viewer.add_image(image), viewer.add_labels(labels))
    session.pairs.add(*pair)
    empty = viewer.add_labels(np.zeros_like(labels))
    session.selection.choose_annotation(empty)
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    assert training_pairs(session) == [pair]
    empty.paint((5, 5), 3)
    # At once: a stroke may not be lost because it is not counted yet.
    assert training_pairs(session) == [(pair[0], empty), pair]


def test_classes_are_named(viewer, panel, session, qtbot, two_squares):
    image, labels = two_squares
    viewer.add_image(image)
    viewer.add_labels(labels)
    table = panel.steps[AnnotateStep].table
    qtbot.waitUntil(lambda: table.rowCount() == 2)
    table.item(1, 1).setText("nucleus")
    assert session.class_names.of(7) == "nucleus"
    assert session.class_names.of(3) == "class 3"
    qtbot.waitUntil(lambda: table.item(1, 1).text() == "nucleus")
    table.item(1, 1).setText(" ")
    assert session.class_names.of(7) == "class 7"


def test_weights_fit_their_backbone(panel, session, qtbot, tmp_path):
    step = panel.steps[NetworkStep]

    def bundled():
        return step.weights.model().item(step.weights.findData(BUNDLED))

    def chosen():
        return session.choices.training["weights"]

    assert bundled().isEnabled()
    step.backbone.setCurrentIndex(step.backbone.findData("vgg16"))
    assert not bundled().isEnabled()
    assert chosen() == "random"
    session.models.choose_weights(WeightsChoice(tmp_path / "vgg16.h5", "VGG-16, Keras HDF5"))
    assert chosen() == tmp_path / "vgg16.h5"
    qtbot.waitUntil(lambda: step.weights.currentText() == "vgg16.h5")
    assert step.found.text() == "vgg16.h5: VGG-16, Keras HDF5"
    assert not step.found.isHidden()
    step.backbone.setCurrentIndex(step.backbone.findData("vgg16-compact"))
    assert chosen() == BUNDLED
    qtbot.waitUntil(step.found.isHidden)


def test_the_device_is_found_and_tested(viewer, panel, session, qtbot, monkeypatch):
    step = panel.steps[DeviceStep]
    click(qtbot, step.find_button)
    wait_until_idle(qtbot, session)
    texts = [step.device.itemText(row) for row in range(step.device.count())]
    assert texts[0] == "automatic"
    assert any(text.startswith("CPU, ") for text in texts)
    tensorflow = step.backend.model().item(0)
    assert tensorflow.isEnabled()
    for row in (1, 2):
        item = step.backend.model().item(row)
        assert item.isEnabled() or "is not installed" in item.toolTip()
    jobs = []
    test_device = ComputeService.test_device
    monkeypatch.setattr(
        ComputeService,
        "test_device",
        lambda service: jobs.append(test_device(service)) or jobs[-1],
    )
    click(qtbot, step.test_button)
    wait_until_idle(qtbot, session)
    (job,) = jobs
    label, step_s, first_s = re.fullmatch(
        r"(.*): (\S+) s a step, (\S+) s for the first\.", step.outcome.text()
    ).groups()
    assert label.startswith("CPU") or "GPU" in label
    assert float(step_s) == pytest.approx(job.result().step_seconds, rel=0.1)
    assert float(first_s) == pytest.approx(job.result().first_step_seconds, rel=0.1)


def test_keys_press_the_buttons(viewer, panel, session, qtbot, two_squares):
    image, labels = two_squares
    viewer.add_image(image)
    viewer.add_labels(labels)
    train = panel.steps[TrainStep]
    train.controls.iterations.value = 1
    qtbot.waitUntil(train.train_button.button.isEnabled)
    assert train.train_button.button.toolTip().endswith("(key Shift-T)")
    press(viewer, "Shift-T")
    wait_until_idle(qtbot, session)
    assert len(session.models.model.card.losses) == 1


def test_weights_are_downloaded_into_the_folder_and_checked(
    viewer, panel, session, qtbot, notes, tmp_path, monkeypatch
):
    """From a server on this computer, which publishes a file that is no VGG-16."""
    import functools
    import hashlib
    import http.server
    import threading

    from napari_fcn_crf.settings import ComputeSettings
    from napari_fcn_crf.ui.actions import network_actions
    from napari_fcn_crf.weights import download

    served = tmp_path / "served"
    served.mkdir()
    content = b"not a network" * 1000
    (served / "vgg16.h5").write_bytes(content)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    published = download.PublishedWeights(
        "VGG-16",
        f"http://127.0.0.1:{server.server_port}/vgg16.h5",
        len(content),
        hashlib.md5(content).hexdigest(),
        "none",
    )
    monkeypatch.setitem(download.PUBLISHED, "vgg16", published)
    folder = tmp_path / "weights"
    monkeypatch.setattr(
        network_actions, "compute_settings", lambda: ComputeSettings(weights_folder=str(folder))
    )
    step = panel.steps[NetworkStep]
    step.backbone.setCurrentIndex(step.backbone.findData("vgg16"))
    click(qtbot, step.download_button)
    qtbot.waitUntil(lambda: any("vgg16.h5" in note for note in notes()), timeout=120_000)
    wait_until_idle(qtbot, session)
    server.shutdown()
    server.server_close()
    assert (folder / "vgg16.h5").read_bytes() == content
    assert session.models.weights is None
