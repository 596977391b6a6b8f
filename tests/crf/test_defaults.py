"""What the defaults are chosen for: thin things stay, and what a network missed is filled in."""

import numpy as np

from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings

SHAPE = (60, 80)


def test_a_thin_line_stays():
    """The tutorial's wide kernels take it."""
    line = np.zeros(SHAPE, bool)
    line[29:31] = True
    image = np.where(line, 130, 100)[..., np.newaxis]
    assert (refined(image, line, CRFSettings()) == line).all()
    assert not refined(image, line, CRFSettings.paper()).any()


def test_a_hole_is_filled_up_to_the_edge():
    square = np.zeros(SHAPE, bool)
    square[15:45, 20:60] = True
    image = np.where(square, 130, 100)[..., np.newaxis]
    found = square.copy()
    found[27:33, 35:45] = False
    assert (refined(image, found, CRFSettings()) == square).all()


def refined(image: np.ndarray, found: np.ndarray, settings: CRFSettings) -> np.ndarray:
    given = np.where(found, 0.6, 0.4).astype(np.float32)
    return DenseCRF(image, settings).infer(np.stack([1 - given, given])).argmax(axis=0) == 1
