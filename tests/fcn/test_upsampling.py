from __future__ import annotations

import keras
import numpy as np
import pytest
from skimage.transform import rescale

from napari_fcn_crf.fcn.layers.upsampling import bilinear_kernel, upsample


def upsampler(factor: int, n_classes: int) -> keras.Model:
    scores = keras.Input((None, None, n_classes))
    return keras.Model(scores, upsample(scores, factor, "upsample"))


@pytest.mark.parametrize("factor", [*range(2, 10), 32])
def test_agrees_with_scikit_image(factor: int) -> None:
    scores = np.random.default_rng(factor).normal(size=(5, 7, 3)).astype(np.float32)
    enlarged = upsampler(factor, 3).predict_on_batch(scores[np.newaxis])[0]
    expected = rescale(scores, factor, order=1, mode="constant", cval=0, channel_axis=-1)
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)


@pytest.mark.parametrize("factor", [1, 2, 3, 8, 32])
def test_keeps_a_constant_inside(factor: int) -> None:
    enlarged = upsampler(factor, 2).predict_on_batch(np.ones((1, 5, 5, 2), np.float32))[0]
    assert enlarged.shape == (5 * factor, 5 * factor, 2)
    inside = enlarged[factor:-factor, factor:-factor]
    np.testing.assert_allclose(inside, 1, rtol=1e-6)


def test_classes_do_not_mix() -> None:
    kernel = bilinear_kernel(4, 3)
    assert kernel.shape == (8, 8, 3, 3)
    assert not kernel[:, :, ~np.eye(3, dtype=bool)].any()


def test_kernel_is_not_trained_and_not_in_the_configuration() -> None:
    model = upsampler(32, 2)
    assert model.trainable_weights == []
    assert len(model.to_json()) < 5000
