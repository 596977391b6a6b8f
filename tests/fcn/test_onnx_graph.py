"""Networks as ONNX graphs give what `predict` gives, on images of any size."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.onnx_graph.network_graph import LEAST_SIDE_PX, onnx_graph
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.settings import Architecture, TrainingSettings
from tests.fcn.chosen_heads import EVERY_HEAD


def a_model(channels: int, mapping: IntensityMapping, **settings: object) -> Model:
    """Return a model of three classes whose every weight matters."""
    asked = TrainingSettings(**settings)  # type: ignore[arg-type]
    network, _ = build_network(asked, channels, 3)
    generator = np.random.default_rng(0)
    for layer in network.layers:
        is_score = isinstance(layer, keras.layers.Conv2D) and not np.any(layer.kernel)
        if is_score or isinstance(layer, keras.layers.BatchNormalization):
            # Positive, as variances are.
            new = [generator.uniform(0.02, 0.3, one.shape) for one in layer.get_weights()]
            layer.set_weights(new)
    card = nfc.ModelCard((0, 4, 9), ("", "cell", ""), channels, mapping, asked)
    return Model(network, card)


def run_onnx(model: Model, image: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Return what ONNX Runtime makes of an image `(rows, columns, channels)`."""
    graph = onnx_graph(model.network, model.card)
    onnx.checker.check_model(graph, full_check=True)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    batch = np.moveaxis(image.astype(np.float32), -1, 0)[np.newaxis]
    (found,) = session.run(None, {"image": batch})
    return found[0]


@pytest.mark.parametrize("architecture", EVERY_HEAD)
def test_every_head_gives_what_predict_gives(
    architecture: Architecture, tiny_image: npt.NDArray[np.uint8]
) -> None:
    model = a_model(3, IntensityMapping.fit(tiny_image), architecture=architecture)
    expected = nfc.predict(model, tiny_image)
    assert expected.std() > 0.01
    np.testing.assert_allclose(run_onnx(model, tiny_image), expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(LEAST_SIDE_PX, 97), (97, 33)])
def test_any_size_will_do(shape: tuple[int, int], tiny_image: npt.NDArray[np.uint8]) -> None:
    model = a_model(3, IntensityMapping.fit(tiny_image))
    image = np.tile(tiny_image, (2, 3, 1))[: shape[0], : shape[1]]
    np.testing.assert_allclose(run_onnx(model, image), nfc.predict(model, image), atol=1e-4)


def test_intensities_are_mapped_within(tiny_image: npt.NDArray[np.uint8]) -> None:
    image = tiny_image[..., :2].astype(np.float32) * 40 - 2000
    model = a_model(2, IntensityMapping.fit(image))
    image[5, 6] = np.nan
    image[7, 8] = 1e6
    expected = nfc.predict(model, image, intensity="model")
    np.testing.assert_allclose(run_onnx(model, image), expected, atol=1e-4)


def test_gray_images_have_one_channel(tiny_image: npt.NDArray[np.uint8]) -> None:
    image = tiny_image[..., :1]
    model = a_model(1, IntensityMapping.fit(image))
    np.testing.assert_allclose(run_onnx(model, image), nfc.predict(model, image[..., 0]), atol=1e-4)


def test_classes_are_told(tiny_image: npt.NDArray[np.uint8]) -> None:
    model = a_model(3, IntensityMapping.fit(tiny_image))
    told = {one.key: one.value for one in onnx_graph(model.network, model.card).metadata_props}
    assert told["class_values"] == "[0, 4, 9]"
    assert told["class_names"] == '["", "cell", ""]'


def test_an_unknown_layer_is_named(tiny_image: npt.NDArray[np.uint8]) -> None:
    model = a_model(3, IntensityMapping.fit(tiny_image))
    output = keras.layers.GaussianNoise(0.1, name="noise")(model.network.output)
    network = keras.Model(model.network.input, output, name=model.network.name)
    with pytest.raises(InputError, match="its layer noise is a GaussianNoise"):
        onnx_graph(network, model.card)
