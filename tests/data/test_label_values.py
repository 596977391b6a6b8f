"""Label values come back as they were, in a type that other programs read."""

from pathlib import Path

import numpy as np
import pytest

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files
from napari_fcn_crf.data.annotations import IGNORE, class_indices
from napari_fcn_crf.data.label_statistics import count_values
from napari_fcn_crf.data.label_values import as_label_values

TYPES = {
    "uint8": (0, 255),
    "uint16": (3, 256),
    "uint32": (1, 2**31, 2**32 - 1),
    "uint64": (2**53 + 1, 2**63, 2**64 - 1),
    "int8": (-128, 127),
    "int16": (-1, 200),
    "int32": (-(2**31), 5),
    "int64": (-1, 2**53 + 1, 2**63 - 1),
}


@pytest.mark.parametrize("kind", TYPES)
def test_the_smallest_type_holds_them_all(kind: str) -> None:
    values = as_label_values(TYPES[kind])
    assert values.dtype == kind
    assert tuple(values.tolist()) == TYPES[kind]


def test_what_no_type_holds_is_refused() -> None:
    with pytest.raises(ValueError, match=f"they go from -1 to {2**63}"):
        as_label_values((-1, 2**63))
    with pytest.raises(ValueError, match=f"they go from 1 to {2**64}"):
        as_label_values((1, 2**64))


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "uint64"])
def test_values_lead_to_indices_and_back(kind: str) -> None:
    """With values of other images beside them that the labels' type does not hold."""
    own = TYPES[kind]
    labels = np.array([*own, own[-1]], kind)
    every = sorted({-(2**40), -1, 7, 300, 2**40, *own})
    indices = class_indices(labels, tuple(every), "mask")
    assert [every[index] for index in indices] == labels.tolist()
    assert list(count_values(labels)) == list(own)
    # Neighbours that are the same as floating-point numbers.
    near = (own[-1] - 1,) if own[-1] - 1 not in own else (own[0] + 1,)
    assert (class_indices(labels, near, "mask") == IGNORE).all()
    assert (class_indices(labels.astype(kind), (2**70,), "mask") == IGNORE).all()


@pytest.mark.parametrize("kind", ["uint16", "uint32", "int64"])
def test_refine_writes_the_values_of_its_source(
    kind: str, tmp_path: Path, tiny_image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = TYPES[kind]
    from PIL import Image

    Image.fromarray(tiny_image).save("cat.png")
    given = np.zeros((len(values), *tiny_image.shape[:2]), np.float32)
    for index, part in enumerate(np.array_split(np.arange(60), len(values))):
        given[index, part] = 1
    image_files.write_probabilities("given.tif", given, values)
    assert main(["refine", "cat.png", "given.tif", "-o", ".", "--iterations", "0"]) == 0
    refined = image_files.read_labels("cat_refined.tif")
    assert refined.dtype == kind
    np.testing.assert_array_equal(refined, np.array(values, kind)[given.argmax(axis=0)])
