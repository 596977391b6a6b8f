"""The curve shows all of every run, and whose each line is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.sections.training_curve import TrainingCurve

CARD = ModelCard((3, 7), ("a", "b"), 1, IntensityMapping((0.0,), (1.0,)), TrainingSettings())


def _train(curve, losses, ious=None):
    curve.clear()
    for step, loss in enumerate(losses):
        iou = None if ious is None else ious[step]
        curve.append(Progress("Training", step, len(losses), loss=loss, validation_iou=iou))
    curve._draw()


def _shows(curve, losses) -> None:
    low, high = curve._axes.get_ylim()
    first, last = curve._axes.get_xlim()
    assert low == 0
    assert max(losses) < high <= 1.5 * max(losses)
    assert (first, last) == (1, len(losses))
    np.testing.assert_allclose(curve._line.get_ydata(), losses)


def test_every_run_is_whole_and_every_line_named(viewer, session, qtbot, two_squares):
    curve = TrainingCurve(session)
    qtbot.addWidget(curve)
    # Each with another scale, the later ones beyond that of the first, and one that rises.
    for losses in ([0.5, 0.2, 0.1], [200.0, 100.0, 50.0, 20.0], [0.01, 0.02, 0.9]):
        _train(curve, losses)
        _shows(curve, losses)
    _train(curve, [float("nan"), 2.0])
    assert curve._axes.get_ylim() == pytest.approx((0, 2.1))

    viewer.add_image(two_squares[0], name="squares")
    labels = viewer.add_labels(two_squares[1], name="strokes")
    qtbot.waitUntil(lambda: session.meaning.counts.is_current)
    session.class_names.name(7, "nucleus")
    _train(curve, [0.5, 0.4], [(0.1, 0.2), (0.3, 0.87)])
    rest, nucleus = curve._iou_axes.lines
    assert (rest.get_label(), nucleus.get_label()) == ("class 3: IoU 0.30", "nucleus: IoU 0.87")
    for line, value in ((rest, 3), (nucleus, 7)):
        np.testing.assert_allclose(line.get_color(), labels.get_color(value))
    shown = [text.get_text() for text in curve._iou_axes.get_legend().get_texts()]
    assert shown == ["class 3: IoU 0.30", "nucleus: IoU 0.87"]

    # Another model's is not that of the run before.
    curve.clear()
    card = replace(CARD, losses=(70.0, 3.0, 2.0, 1.0, 0.5))
    session.models.keep(Path("m.keras"), card, "m.keras", is_saved=True)
    curve.update_curve()
    _shows(curve, card.losses)
    assert not curve.isHidden()
