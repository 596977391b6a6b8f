"""The sample images are found and are what they claim to be."""

import numpy as np
import pytest

from napari_fcn_crf.data import samples


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_sample_is_an_image_or_a_label_plane(name: str) -> None:
    array = samples.load(name)
    assert array.dtype == np.uint8
    is_image = name in ("cat", "ihc")
    assert array.ndim == (3 if is_image else 2)
    assert not is_image or array.shape[-1] == 3


def test_labels_fit_their_images_and_hold_several_classes() -> None:
    for image, labels in [
        ("cat", "cat_annotation"),
        ("cat", "cat_scribbles"),
        ("ihc", "ihc_scribbles"),
    ]:
        array = samples.load(labels)
        assert array.shape == samples.load(image).shape[:2]
        assert len(np.unique(array)) >= 2


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match="cat_scribbles"):
        samples.load("dog")
