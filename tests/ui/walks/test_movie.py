"""A movie, two frames of which have strokes; the others are not taken for background."""

from __future__ import annotations

import numpy as np

from tests.ui.walks import pictures


def test_movie(person, tmp_path):
    frames = np.stack([pictures.nuclei(seed, (0, 4 * seed)) for seed in range(4)])
    person.opens(pictures.write_tiff(tmp_path / "movie.tif", frames, metadata={"axes": "TYX"}))
    labels = person.presses_new_labels()
    person.viewer.dims.set_current_step(0, 1)
    person.paints(1, (40, 40), (40, 60))
    person.paints(2, (75, 20), (75, 160))
    person.viewer.dims.set_current_step(0, 3)
    person.paints(1, (45, 135), (45, 155))
    person.paints(2, (20, 20), (20, 120))
    person.reads("Ready: 2 classes")
    assert [bool(frame.any()) for frame in labels.data] == [False, True, False, True]

    person.trains()
    counted = person.session.models.model.card.record["class_pixels"]
    assert sum(counted.values()) == (labels.data > 0).sum()
    person.predicts()
    refined = person.refines()
    person.looks("refined")
    assert refined.data.shape == frames.shape
    for frame in range(4):
        inside = pictures.discs(moved=(0, 4 * frame))
        assert pictures.finds(refined.data[frame] == 1, inside)
