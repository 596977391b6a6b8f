"""Whether there is a GPU: where Keras computes says it."""

from types import SimpleNamespace

import keras
import pytest

from napari_fcn_crf.fcn.devices import gpus


@pytest.mark.parametrize(
    ("kind", "names"), [("cpu", []), ("mps", ["Apple GPU"]), ("xpu", ["Intel GPU"])]
)
def test_keras_on_pytorch_computes_where_its_tensors_are(
    kind: str, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tensor = SimpleNamespace(device=SimpleNamespace(type=kind))
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    monkeypatch.setattr(keras.ops, "zeros", lambda shape: tensor)
    assert gpus.gpu_names() == names
    assert gpus.has_gpu() == bool(names)


def test_the_backend_is_asked() -> None:
    tensor = keras.ops.convert_to_tensor(0.0)
    place = str(getattr(tensor, "device", "cpu")).lower()
    assert gpus.has_gpu() == ("cpu" not in place)
