"""The demo's results in a real viewer."""

import sys

import numpy as np

from napari_fcn_crf import image_files, samples
from napari_fcn_crf.ui import demo_view


def test_the_results_are_layers_over_the_cat(make_napari_viewer, tmp_path):
    annotation = samples.load("cat_annotation")
    probabilities = np.stack([1 - annotation, annotation]).astype(np.float32)
    image_files.write_probabilities(tmp_path / "cat_probabilities.tif", probabilities, (0, 1))
    for name in ("cat_labels.tif", "cat_refined.tif"):
        image_files.write_labels(tmp_path / name, annotation.astype(np.int32))
    viewer = make_napari_viewer()
    demo_view.add_layers(viewer, tmp_path)
    names = [layer.name for layer in viewer.layers]
    assert names == ["cat", "cat annotation", "cat probabilities", "cat predicted", "cat refined"]
    shown = {layer.name for layer in viewer.layers if layer.visible}
    assert shown == {"cat", "cat refined"}
    np.testing.assert_array_equal(viewer.layers["cat refined"].data, annotation)
    # The slider stands on the cat's probability.
    assert viewer.dims.current_step[0] == 1
    assert not {"keras", "tensorflow"} & set(sys.modules)
