"""Models as files of other programs."""

from __future__ import annotations

import gc
import sys
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf.pipeline.models import Model
from tests.commands import carry_out, refusal

CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def model(tiny_image: npt.NDArray[np.uint8], tiny_labels: npt.NDArray[np.int32]) -> Model:
    return nfc.train(tiny_image, tiny_labels, nfc.TrainingSettings(iterations=1))


def test_a_package_reproduces_its_example(
    model: Model, tiny_image: npt.NDArray[np.uint8], tmp_path: Path
) -> None:
    import yaml

    # Darker than what the model was trained on, by whose range it is mapped all the same.
    dark = tiny_image // 2
    path = nfc.export_model(model, tmp_path / "cat.zip", image=dark)
    assert [one.name for one in tmp_path.iterdir()] == ["cat.zip"]
    with zipfile.ZipFile(path) as package:
        package.extractall(tmp_path)
    said = yaml.safe_load((tmp_path / "rdf.yaml").read_text("utf-8"))
    assert said["type"] == "model"
    assert said["format_version"].startswith("0.5.")
    assert said["outputs"][0]["axes"][1]["channel_names"] == ["class 3", "class 7"]
    example = np.load(tmp_path / said["inputs"][0]["test_tensor"]["source"])
    np.testing.assert_array_equal(example[0], np.moveaxis(dark, -1, 0))
    session = onnxruntime.InferenceSession(tmp_path / said["weights"]["onnx"]["source"])
    (found,) = session.run(None, {"image": example})
    expected = np.load(tmp_path / said["outputs"][0]["test_tensor"]["source"])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(expected[0], nfc.predict(model, dark, intensity="model"), atol=1e-6)


# They leave files open.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_package_is_one_of_bioimageio(model: Model, tmp_path: Path) -> None:
    spec = pytest.importorskip("bioimageio.spec")
    path = nfc.export_model(model, tmp_path / "cat.zip")
    description = spec.load_model_description(path)
    assert description.inputs[0].shape
    gc.collect()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_package_passes_the_test_of_bioimageio(model: Model, tmp_path: Path) -> None:
    # Its 0.11.0 asks for a version of bioimageio.spec that does not bear pydantic 2.14.
    core = pytest.importorskip("bioimageio.core")
    path = nfc.export_model(model, tmp_path / "cat.zip")
    assert core.test_model(path, weight_format="onnx").status == "passed"
    gc.collect()


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
    with pytest.raises(ValueError, match=r"ends in \.onnx or \.zip, but cat\.pt does not"):
        nfc.export_model(model, tmp_path / "cat.pt")


@pytest.mark.parametrize("ending", ["onnx", "zip"])
def test_what_is_missing_is_told(
    ending: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'needs the package onnx.*"napari-fcn-crf\[export\]"'):
        nfc.export_model(model, tmp_path / f"cat.{ending}")
    assert list(tmp_path.iterdir()) == []
