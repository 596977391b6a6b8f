"""A large picture that napari shows as a pyramid."""

from __future__ import annotations

import numpy as np

from tests.ui.walks import pictures


def test_large(person):
    small = pictures.nuclei()
    whole = np.kron(small, np.ones((8, 8), np.uint16))
    # As napari's own and other readers hand OME-Zarr over.
    person.viewer.add_image([whole, whole[::2, ::2], whole[::4, ::4]], name="slide")
    person.qtbot.wait(100)
    image = person.viewer.layers["slide"]
    labels = person.presses_new_labels()
    assert labels.data.shape == whole.shape
    labels.brush_size = 40
    person.paints(1, (320, 280), (320, 440))
    person.paints(2, (600, 160), (600, 1280))
    person.reads("Ready: 2 classes")
    person.trains()
    person.predicts()
    person.looks("predicted")
    refined = person.refines()
    person.looks("refined")
    inside = np.kron(pictures.discs(), np.ones((8, 8), bool))
    assert pictures.finds(refined.data == 1, inside)
    person.sees_classes(refined, labels, (1200, 1200), (800, 1200))
    person.sees_image(image, (480, 320), (1040, 880))
