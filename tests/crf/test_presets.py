"""Presets come back as they were saved, and published ones cannot be replaced."""

import pytest

from napari_fcn_crf.crf import presets
from napari_fcn_crf.settings import CRFSettings


def test_saved_presets_come_back_after_the_published_ones(tmp_path):
    path = tmp_path / "sub" / "presets.json"
    assert presets.load(path) == presets.PUBLISHED
    mine = CRFSettings(iterations=7, bilateral_weight=2.5)
    presets.save(" nuclei ", mine, path)
    presets.save("membranes", CRFSettings(), path)
    assert list(presets.load(path)) == [*presets.PUBLISHED, "nuclei", "membranes"]
    assert presets.load(path)["nuclei"] == mine
    presets.save("nuclei", CRFSettings(iterations=8), path)
    assert presets.load(path)["nuclei"].iterations == 8
    assert presets.load(path)["membranes"] == CRFSettings()


@pytest.mark.parametrize("name", ["", "  ", "Tutorial 2016"])
def test_names_that_are_taken_or_empty(tmp_path, name):
    with pytest.raises(ValueError, match="name of its own"):
        presets.save(name, CRFSettings(), tmp_path / "presets.json")


@pytest.mark.parametrize(
    "text", ["{", "[1]", '{"a": 1}', '{"a": {"iterations": -1}}', '{"a": {"gaussian_weight": NaN}}']
)
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "presets.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"presets\.json cannot be read"):
        presets.load(path)
