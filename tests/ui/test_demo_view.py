"""The demo's results in a real viewer."""

import sys

import numpy as np
from PIL import Image

from napari_fcn_crf.data import image_files, samples
from napari_fcn_crf.ui.viewer import demo_view


def test_the_results_are_layers_over_the_cat(make_napari_viewer, tmp_path):
    annotation = samples.load("cat_annotation")
    probabilities = np.stack([1 - annotation, annotation]).astype(np.float32)
    image_files.write_probabilities(
        tmp_path / "cat_predicted_probabilities.tif", probabilities, (0, 1)
    )
    for name in ("cat_predicted.tif", "cat_refined.tif"):
        image_files.write_labels(tmp_path / name, annotation.astype(np.int32))
    viewer = make_napari_viewer()
    demo_view.add_layers(viewer, tmp_path)
    names = [layer.name for layer in viewer.layers]
    assert names == ["cat", "cat annotation", "cat probabilities", "cat predicted", "cat refined"]
    shown = {layer.name for layer in viewer.layers if layer.visible}
    assert shown == {"cat", "cat refined"}
    np.testing.assert_array_equal(viewer.layers["cat refined"].data, annotation)
    assert {layer.axis_labels[-2:] for layer in viewer.layers} == {("y", "x")}
    assert viewer.layers["cat probabilities"].axis_labels == ("class", "y", "x")
    # The slider stands on the cat's probability.
    assert viewer.dims.current_step[0] == 1
    assert not {"keras", "tensorflow"} & set(sys.modules)


def test_results_on_an_image_of_ones_own(make_napari_viewer, tmp_path):
    annotation = np.zeros((20, 30), np.uint8)
    annotation[5:15, 5:20] = 4
    Image.fromarray(annotation * 60).save(tmp_path / "cell.png")
    Image.fromarray(annotation).save(tmp_path / "mask.png")
    probabilities = np.stack([annotation == 0, annotation == 4]).astype(np.float32)
    image_files.write_probabilities(
        tmp_path / "cell_predicted_probabilities.tif", probabilities, (0, 4)
    )
    for name in ("cell_predicted.tif", "cell_refined.tif"):
        image_files.write_labels(tmp_path / name, annotation.astype(np.int32))
    viewer = make_napari_viewer()
    demo_view.add_layers(viewer, tmp_path, tmp_path / "cell.png", tmp_path / "mask.png")
    np.testing.assert_array_equal(viewer.layers["cell"].data, annotation * 60)
    np.testing.assert_array_equal(viewer.layers["cell annotation"].data, annotation)
    np.testing.assert_array_equal(viewer.layers["cell refined"].data, annotation)
