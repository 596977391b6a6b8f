"""Strokes are held out whole."""

import numpy as np
from skimage.measure import label

from napari_fcn_crf.data.strokes import near, stroke_folds


def test_a_stroke_is_in_one_fold_and_each_fold_has_each_class():
    annotated = np.full((100, 100), -1)
    for index, row in enumerate(range(5, 95, 15)):
        annotated[row : row + 3, 10:90] = index % 2
    folds = stroke_folds(annotated, 3, seed=0)
    assert ((folds >= 0) == (annotated >= 0)).all()
    pieces = label(annotated >= 0)
    for piece in range(1, pieces.max() + 1):
        assert len(np.unique(folds[pieces == piece])) == 1
    for value in (0, 1):
        assert set(np.unique(folds[annotated == value])) == {0, 1, 2}


def test_a_full_mask_is_cut_into_blocks():
    annotated = np.zeros((200, 200), int)
    annotated[:, 100:] = 1
    folds = stroke_folds(annotated, 3, seed=0)
    for value in (0, 1):
        assert set(np.unique(folds[annotated == value])) == {0, 1, 2}
    assert (folds >= 0).all()


def test_near_is_a_distance():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    close = near(mask, 2)
    assert close.sum() == 13
    assert not near(np.zeros((3, 3), bool), 5).any()
