"""A z-stack: strokes on one plane, all planes predicted, one plane refined and then all."""

from __future__ import annotations

import numpy as np

from napari_fcn_crf.ui.steps.refine import RefineStep
from tests.ui.walks import pictures


def test_stack(person, tmp_path):
    planes = np.stack([pictures.nuclei(seed, (3 * seed, 0)) for seed in range(4)])
    person.opens(pictures.write_tiff(tmp_path / "stack.tif", planes, metadata={"axes": "ZYX"}))
    image = person.viewer.layers["stack"]
    labels = person.presses_new_labels()
    assert labels.data.shape == planes.shape
    person.viewer.dims.set_current_step(0, 2)
    person.paints(1, (46, 35), (46, 55))
    person.paints(2, (80, 20), (80, 160))
    person.reads("Ready: 2 classes")
    assert set(np.unique(labels.data[2])) == {0, 1, 2}
    assert not labels.data[[0, 1, 3]].any()

    person.trains()
    person.predicts()
    assert person.viewer.dims.current_step[-3] == 2, "the slice shown is another one"
    person.sees_image(image, (25, 25), (75, 70))
    person.looks("predicted")

    refined = person.refines()
    assert person.viewer.dims.current_step[-3] == 2
    person.looks("refined")
    person.sees_image(image, (25, 25), (75, 70))
    person.sees_classes(refined, labels, (156, 150), (100, 150))
    for plane in range(4):
        inside = pictures.discs(moved=(3 * plane, 0))
        assert pictures.finds(refined.data[plane] == 1, inside)
    person.viewer.dims.set_current_step(refined.ndim - 3, 0)
    person.sees_classes(refined, labels, (150, 150), (100, 150))

    # The preview of what is on the screen, with what the dock offers by itself.
    step = person.step(RefineStep)
    step.preview_box.setChecked(True)
    person.waits_for(lambda: any("preview" in layer.name for layer in person.viewer.layers))
    person.looks("preview")
    step.preview_box.setChecked(False)
