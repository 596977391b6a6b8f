"""Models as files of other programs."""

from __future__ import annotations

import gc
import json
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.compute.child import model_files
from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.pipeline.models import Model
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import Architecture
from tests.commands import carry_out, refusal
from tests.fcn.test_onnx_graph import a_model

Array = npt.NDArray[Any]
CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def model(tiny_image: npt.NDArray[np.uint8], tiny_labels: npt.NDArray[np.int32]) -> Model:
    return nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=1))


@pytest.fixture(scope="module")
def known(tiny_image: Array) -> Model:
    """A model whose every weight matters, of images of other intensities than 0 to 255."""
    values = tiny_image.astype(np.float32) * 40 - 2000
    return a_model(3, IntensityMapping.fit(values))


@pytest.fixture(scope="module")
def package(known: Model, tiny_image: Array, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its package, with an example that is darker than what its intensities were fitted to."""
    dark = tiny_image.astype(np.float32) * 20 - 2000
    folder = tmp_path_factory.mktemp("package")
    path = nfc.export_model(known, folder / "cat.zip", image=dark)
    assert [one.name for one in folder.iterdir()] == ["cat.zip"]
    return path


@pytest.fixture(scope="module")
def unpacked(package: Path) -> Path:
    folder = package.with_suffix("")
    with zipfile.ZipFile(package) as packed:
        packed.extractall(folder)
    return folder


def test_a_package_reproduces_its_example(known: Model, unpacked: Path, tiny_image: Array) -> None:
    import yaml

    said = yaml.safe_load((unpacked / "rdf.yaml").read_text("utf-8"))
    assert said["type"] == "model"
    assert said["format_version"].startswith("0.5.")
    assert said["outputs"][0]["axes"][1]["channel_names"] == ["class 0", "cell", "class 9"]
    example = np.load(unpacked / said["inputs"][0]["test_tensor"]["source"])
    dark = np.moveaxis(example[0], 0, -1)
    np.testing.assert_array_equal(dark, tiny_image.astype(np.float32) * 20 - 2000)
    expected = np.load(unpacked / said["outputs"][0]["test_tensor"]["source"])
    by_model = nfc.predict(known, dark, intensity="model")
    np.testing.assert_allclose(expected[0], by_model, atol=1e-6)
    assert abs(by_model - nfc.predict(known, dark, intensity="image")).max() > 0.01


def _load_keras(path: Path) -> Callable[[Array], Array]:
    import keras

    # Nothing in it needs our code, or any to be trusted.
    network = keras.models.load_model(path, safe_mode=True)
    return lambda batch: np.asarray(network.predict_on_batch(batch))


def _load_saved_model(path: Path) -> Callable[[Array], Array]:
    import tensorflow as tf

    with zipfile.ZipFile(path) as packed:
        packed.extractall(path.with_suffix(""))
    loaded = tf.saved_model.load(str(path.with_suffix("")))
    return lambda batch: loaded.signatures["serve"](image=batch)["probabilities"].numpy()


def _load_onnx(path: Path) -> Callable[[Array], Array]:
    session = onnxruntime.InferenceSession(path)
    return lambda batch: session.run(None, {"image": batch})[0]


LOAD = {
    "keras_v3": _load_keras,
    "onnx": _load_onnx,
    "tensorflow_saved_model_bundle": _load_saved_model,
}


def _check_sizes(run: Callable[[Array], Array], model: Model, tiny_image: Array) -> None:
    values = tiny_image.astype(np.float32) * 40 - 2000
    values[5, 6], values[7, 8] = np.nan, 1e6
    # Two sizes: TensorFlow then traces for all.
    for image in (values, np.concatenate([values, values])[:97, :33]):
        batch = np.ascontiguousarray(np.moveaxis(image, -1, 0)[np.newaxis])
        expected = nfc.predict(model, image, intensity="model")
        np.testing.assert_allclose(run(batch)[0], expected, atol=1e-4)


@pytest.mark.parametrize("name", LOAD)
def test_each_format_gives_what_predict_gives_for_images_of_any_size(
    name: str, known: Model, unpacked: Path, tiny_image: Array
) -> None:
    said = json.loads((unpacked / "rdf.yaml").read_text("utf-8"))["weights"]
    _check_sizes(LOAD[name](unpacked / said[name]["source"]), known, tiny_image)


@pytest.mark.long
@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_every_head_is_the_same_in_plain_keras(
    architecture: Architecture, tiny_image: Array
) -> None:
    from napari_fcn_crf.fcn.elsewhere.whole_network import whole_network

    values = tiny_image.astype(np.float32) * 40 - 2000
    model = a_model(3, IntensityMapping.fit(values), architecture=architecture)
    _check_sizes(whole_network(model.network, model.card).predict_on_batch, model, tiny_image)


# They leave files open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_package_is_one_of_bioimageio(package: Path) -> None:
    spec = pytest.importorskip("bioimageio.spec")
    description = spec.load_model_description(package)
    assert description.inputs[0].shape
    parents = {kind: one.parent for kind, one in description.weights if one is not None}
    assert set(LOAD) <= set(parents)
    assert parents.pop("keras_v3") is None
    assert set(parents.values()) == {"keras_v3"}
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_package_passes_the_test_of_bioimageio(package: Path) -> None:
    # Its 0.11.0 asks for bioimageio.spec 0.5.12, which does not bear pydantic 2.13. By hand, in
    # an environment of its own: pip install bioimageio.core==0.11.0 "pydantic<2.13" -e .[test]
    core = pytest.importorskip("bioimageio.core")
    for weights in LOAD:
        assert core.test_model(package, weight_format=weights).status == "passed"
    gc.collect()


def test_formats_are_told_and_stopped_between(model: Model, tmp_path: Path) -> None:
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        nfc.export_model(
            model,
            tmp_path / "cat.zip",
            on_progress=told.append,
            should_stop=lambda: len(told) == 3,
        )
    assert [one.phase for one in told] == [
        "Predicting an example",
        "Writing for Keras",
        "Writing for ONNX",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.backends
@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_torch_script_gives_what_predict_gives(
    architecture: Architecture, tiny_image: Array, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    values = tiny_image.astype(np.float32) * 40 - 2000
    model = a_model(3, IntensityMapping.fit(values), architecture=architecture)
    path = nfc.export_model(model, tmp_path / "cat.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded = torch.jit.load(path)
    _check_sizes(lambda batch: loaded(torch.from_numpy(batch)).numpy(), model, tiny_image)


@pytest.mark.backends
def test_a_package_has_torch_script_where_pytorch_is(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = nfc.export_model(model, tmp_path / "cat.zip")
    with zipfile.ZipFile(path) as package:
        said = json.loads(package.read("rdf.yaml"))["weights"]["torchscript"]
        assert said["source"] in package.namelist()


def test_a_stack_gives_its_middle_as_example() -> None:
    from napari_fcn_crf.pipeline.model_export import _middle

    stack = np.arange(3)[:, None, None, None] * np.ones((1, 400, 70, 1), int)
    stack[1, 72, 0] = 9
    middle = _middle(stack)
    assert middle.shape == (256, 70, 1)
    assert middle[0, 0] == 9
    assert middle[1, 1] == 1


def test_command(model: Model, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "cat.keras", tmp_path / "new" / "cat.onnx"
    nfc.save_model(model, path)
    said = carry_out(("export-model", path, "-o", out, *CPU), capfd)
    assert said == f"Wrote {out}\n"
    assert out.stat().st_size > 1e6
    again = refusal(["export-model", str(path), "-o", str(out)], capfd)
    assert "would replace" in again


def test_another_ending_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.zip or \.onnx or \.pt, but cat\.h5 does not"):
        nfc.export_model(model, tmp_path / "cat.h5")


@pytest.mark.parametrize("ending", ["onnx", "zip"])
def test_what_is_missing_is_told(
    ending: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'needs the package onnx.*"napari-fcn-crf\[export\]"'):
        nfc.export_model(model, tmp_path / f"cat.{ending}")
    assert list(tmp_path.iterdir()) == []


def test_what_torch_script_needs_is_told(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"needs the package torch.*pip install torch$"):
        nfc.export_model(model, tmp_path / "cat.pt")


def test_the_compute_process_tells_what_is_missing(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a sentence, and not as something that it could not finish."""
    nfc.save_model(model, tmp_path / "cat.keras")
    monkeypatch.setitem(sys.modules, "onnx", None)
    task = SimpleNamespace(cancel_requested=False, update=lambda info: None)
    card, out = model.card.to_json(), str(tmp_path / "cat.zip")
    with pytest.raises(InputError, match="needs the package onnx"):
        model_files.export_model(task, str(tmp_path / "cat.keras"), card, out)
