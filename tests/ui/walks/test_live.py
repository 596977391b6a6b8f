"""Labels that follow the brush on a picture of one's own, and then by one click."""

from __future__ import annotations

import numpy as np

from napari_fcn_crf.ui.steps.segment import SegmentStep
from tests.ui.walks import pictures


def test_live(person, tmp_path):
    viewer = person.viewer
    person.opens(pictures.write_tiff(tmp_path / "cells.tif", pictures.nuclei()))
    image = viewer.layers["cells"]
    labels = person.presses_new_labels()
    segment = person.step(SegmentStep)
    person.clicks(segment.live_box)
    person.waits_for(lambda: "two classes" in segment.status.text(), 60_000)
    person.looks("switched on")

    person.paints(1, (40, 35), (40, 55))
    person.paints(2, (75, 20), (75, 160))
    person.waits_for(lambda: "cells live" in viewer.layers, 60_000)
    live = viewer.layers["cells live"]
    inside = pictures.discs()
    person.waits_for(lambda: pictures.finds(live.data == 1, inside), 60_000)
    person.looks("followed")
    person.sees_image(image, (60, 40), (130, 110))
    person.sees_classes(live, labels, (150, 150), (100, 150))
    assert viewer.layers.selection.active is labels

    # A disc is called background, and back by undoing the stroke: the labels follow.
    person.paints(2, (140, 150), (160, 150))
    person.waits_for(lambda: live.data[150, 140] == 2, 60_000)
    labels.undo()
    person.waits_for(lambda: live.data[150, 140] == 1, 60_000)

    person.clicks(segment.live_box)
    person.waits_for(lambda: "cells refined" in viewer.layers, 60_000)
    person.waits_for(lambda: person.session.runner.activity is None)
    kept = np.array(viewer.layers["cells refined"].data)
    assert pictures.finds(kept == 1, inside)
    person.looks("switched off")

    # What one click gives on the same strokes is the same.
    person.runs(segment.segment_button)
    person.looks("segmented")
    np.testing.assert_array_equal(viewer.layers["cells refined"].data, kept)
