from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from napari_fcn_crf.data.intensity import IntensityMapping
from napari_fcn_crf.fcn.model_file import archive_check, keras_file
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.model.card import CARD_MEMBER, ModelCard
from napari_fcn_crf.settings import TrainingSettings


@pytest.fixture(scope="module")
def network() -> Any:
    return build_network(TrainingSettings(), 3, 2)[0]


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return ModelCard(
        class_values=(3, 7),
        class_names=("grass", "cat"),
        channels=3,
        intensity=IntensityMapping((0.0, 0.5, 1.0), (255.0, 1e-3, 65535.0)),
        training=TrainingSettings(iterations=7),
        losses=(1.5, 0.1 + 0.2),
        record={"seed": 0, "versions": {"keras": keras.__version__}},
    )


@pytest.fixture
def saved(network: Any, card: ModelCard, tmp_path: Path) -> Path:
    path = tmp_path / "cat.keras"
    keras_file.save(network, card, path)
    return path


IMAGE = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype(np.float32)


def test_round_trip_is_exact(network: Any, card: ModelCard, saved: Path) -> None:
    loaded, loaded_card = keras_file.load(saved)
    assert loaded_card == card
    np.testing.assert_array_equal(loaded.predict_on_batch(IMAGE), network.predict_on_batch(IMAGE))


def test_plain_keras_loads_it_without_this_package(
    network: Any, card: ModelCard, saved: Path
) -> None:
    """In half precision, too, where each kernel is rounded to float16."""
    half = saved.with_name("half.keras")
    keras_file.save(network, card, half, precision="half")
    assert half.stat().st_size < 0.52 * saved.stat().st_size
    np.save(saved.with_name("image.npy"), IMAGE)
    script = """
import os, sys
sys.modules["napari_fcn_crf"] = None
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
for name in ("cat", "half"):
    model = keras.saving.load_model(name + ".keras", safe_mode=True)
    np.savez(name + ".npz", *model.get_weights())
    np.save(name + ".npy", model.predict_on_batch(np.load("image.npy")))
"""
    subprocess.run([sys.executable, "-c", script], cwd=saved.parent, check=True, timeout=300)
    logits = network.predict_on_batch(IMAGE)
    np.testing.assert_array_equal(np.load(saved.with_name("cat.npy")), logits)

    loaded, _ = keras_file.load(half)
    with np.load(half.with_name("half.npz")) as plain:
        for name, mine, expected in zip(
            plain.files, loaded.get_weights(), network.get_weights(), strict=True
        ):
            assert mine.dtype == plain[name].dtype == np.float32
            np.testing.assert_array_equal(plain[name], mine)
            rounded = expected.astype(np.float16) if expected.ndim == 4 else expected
            np.testing.assert_array_equal(mine, rounded)
    found = np.load(half.with_name("half.npy"))
    np.testing.assert_allclose(found, logits, atol=0.01 * np.abs(logits).max())
    np.testing.assert_array_equal(found, loaded.predict_on_batch(IMAGE))


def test_what_half_precision_cannot_hold_stays(
    network: Any, card: ModelCard, tmp_path: Path
) -> None:
    large = keras.models.clone_model(network)
    large.set_weights(network.get_weights())
    layer = large.get_layer("block1_conv1")
    layer.kernel.assign(layer.kernel * 1e8)
    keras_file.save(large, card, tmp_path / "large.keras", precision="half")
    loaded, _ = keras_file.load(tmp_path / "large.keras")
    np.testing.assert_array_equal(loaded.get_layer("block1_conv1").kernel, layer.kernel)


def test_nothing_in_it_is_pickled_or_an_optimizer(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        assert set(archive.namelist()) == {
            "metadata.json",
            "config.json",
            "model.weights.h5",
            CARD_MEMBER,
        }
        config = json.loads(archive.read("config.json"))
    assert not config.get("compile_config")
    # 1.3 million numbers of 4 bytes, and no moments of Adam's.
    assert saved.stat().st_size < 6e6


def test_another_ending_is_refused(network: Any, card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.keras, but it is 'cat\.h5'"):
        keras_file.save(network, card, tmp_path / "cat.h5")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(network: Any, card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="could not be written"):
        keras_file.save(network, card, tmp_path / "missing" / "cat.keras")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a process's files")
@pytest.mark.parametrize("limit", [1000, 100_000, 3_000_000])
def test_a_full_disk_leaves_the_old_model(
    network: Any, card: ModelCard, saved: Path, limit: int
) -> None:
    import resource
    import signal

    before = saved.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal, so that writing beyond the limit fails as on a full disk.
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(ValueError, match="could not be written"):
            keras_file.save(network, card, saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def rewrite(path: Path, **members: bytes) -> None:
    """Replace members of a zip file; their names' dots are given as underscores."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    contents |= {name.replace("_json", ".json"): data for name, data in members.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def test_a_lambda_layer_is_refused_before_keras_sees_it(card: ModelCard, tmp_path: Path) -> None:
    path = tmp_path / "lambda.keras"
    image = keras.Input((None, None, 3))
    keras.Model(image, keras.layers.Lambda(lambda x: x[..., :2])(image)).save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CARD_MEMBER, card.to_json())
    with pytest.raises(ValueError, match="could run code from the file"):
        keras_file.load(path)


@pytest.mark.parametrize(
    "hostile",
    [
        {"module": "os", "class_name": "system", "config": {}},
        {"module": "builtins", "class_name": "function", "config": "eval"},
        {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "x"}},
        {"module": "keras_evil.layers", "class_name": "Conv2D", "config": {}},
        {"class_name": "__lambda__", "config": {}},
        {"module": "keras.layers", "class_name": "Conv2D", "registered_name": "evil>Conv2D"},
        {"module": "keras.layers", "class_name": ["Conv2D"], "config": {}},
        {"module": None, "class_name": "subprocess>Popen", "config": {}},
    ],
)
def test_other_classes_are_refused_wherever_they_hide(saved: Path, hostile: dict) -> None:
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][1]["config"]["offset"] = [hostile]
    rewrite(saved, config_json=json.dumps(config).encode())
    with pytest.raises(ValueError, match="could run code from the file"):
        keras_file.load(saved)


LAYERS = {
    "three million filters": {"filters": 3_000_000},
    "a large kernel": {"kernel_size": [50_000, 3]},
    "groups": {"groups": 2},
    "channels first": {"data_format": "channels_first"},
    "large holes": {"dilation_rate": [10**6, 1]},
    "text for filters": {"filters": "many"},
    "a type of its own": {
        "dtype": {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": "complex128"},
            "registered_name": None,
        }
    },
    "an array of its own": {
        "kernel_initializer": {
            "class_name": "__numpy__",
            "config": {"value": [""], "dtype": "S2000000000"},
        }
    },
}


@pytest.mark.parametrize("kind", [*LAYERS, "a million channels", "an image of its own", "a part"])
def test_what_would_take_memory_is_refused_before_keras_sees_it(saved: Path, kind: str) -> None:
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    image, *layers = config["config"]["layers"]
    (convolution,) = (layer for layer in layers if layer["name"] == "block3_conv2")
    convolution["config"] |= LAYERS.get(kind, {})
    if kind == "a million channels":
        convolution["build_config"]["input_shape"][-1] = 10**6
    elif kind == "an image of its own":
        image["config"]["batch_shape"][1:3] = [10**6, 10**6]
    elif kind == "a part":
        convolution["class_name"] = "Functional"
    rewrite(saved, config_json=json.dumps(config).encode())
    with pytest.raises(ValueError, match=r"^cat\.keras is not opened: it") as caught:
        keras_file.load(saved)
    assert len(str(caught.value)) <= 300


def link_to_another_file(weights: h5py.File, folder: Path) -> None:
    weights["layers/conv2d/vars/0"] = h5py.ExternalLink(str(folder / "other.h5"), "kernel")


def link_within(weights: h5py.File, folder: Path) -> None:
    weights["layers/conv2d/vars/0"] = h5py.SoftLink("/layers/conv2d_1/vars/0")


def numbers_in_another_file(weights: h5py.File, folder: Path) -> None:
    (folder / "secret").write_bytes(bytes(1728))
    weights.create_dataset(
        "layers/conv2d/vars/0", (3, 3, 3, 16), "f4", external=[(str(folder / "secret"), 0, 1728)]
    )


def view_of_another_file(weights: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((3, 3, 3, 16), "f4")
    layout[...] = h5py.VirtualSource(str(folder / "other.h5"), "kernel", (3, 3, 3, 16))
    weights.create_virtual_dataset("layers/conv2d/vars/0", layout)


def numbers_that_are_not_there(weights: h5py.File, folder: Path) -> None:
    weights.create_dataset("layers/conv2d/vars/0", (3, 3, 3, 16), "f4")


def compressed_numbers(weights: h5py.File, folder: Path) -> None:
    zeros = np.zeros((3, 3, 3, 16), np.float32)
    weights.create_dataset("layers/conv2d/vars/0", data=zeros, compression="gzip")


def text(weights: h5py.File, folder: Path) -> None:
    weights["layers/conv2d/vars/0"] = "kernel"


@pytest.mark.parametrize(
    "put",
    [
        link_to_another_file,
        link_within,
        numbers_in_another_file,
        view_of_another_file,
        numbers_that_are_not_there,
        compressed_numbers,
        text,
    ],
)
def test_weights_that_are_elsewhere_are_refused_before_keras_sees_them(
    saved: Path, monkeypatch: pytest.MonkeyPatch, put: Any
) -> None:
    weights = saved.with_name("weights.h5")
    with zipfile.ZipFile(saved) as archive:
        weights.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(weights, "a") as file:
        del file["layers/conv2d/vars/0"]
        put(file, saved.parent)
    rewrite(saved, **{"model.weights.h5": weights.read_bytes()})
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras saw it"))
    with pytest.raises(ValueError, match=r"^cat\.keras is not opened: it"):
        keras_file.load(saved)


def test_a_name_that_is_no_text(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        weights = archive.read("model.weights.h5")
    assert weights.count(b"batch_normalization") >= 1
    rewrite(saved, **{"model.weights.h5": weights.replace(b"batch_norm", b"batch\x98norm")})
    with pytest.raises(ValueError, match=r"cat\.keras cannot be read as one"):
        keras_file.load(saved)


def test_a_zip_bomb_is_not_unpacked(saved: Path) -> None:
    rewrite(saved, config_json=b" " * (17 * 2**20))
    with pytest.raises(ValueError, match=r"config\.json unpacks to 17825792 bytes"):
        keras_file.load(saved)


def test_unknown_members_are_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("assets/../../evil.py", "print()")
    with pytest.raises(ValueError, match="which no model saved here does"):
        keras_file.load(saved)


@pytest.mark.parametrize("config", [b"{", b"[" * 100_000, b"\xff", b"{}", b"[]", b"null"])
def test_a_damaged_configuration(saved: Path, config: bytes) -> None:
    rewrite(saved, config_json=config)
    with pytest.raises(ValueError, match=r"damaged|cannot be read"):
        keras_file.load(saved)


def test_a_model_of_plain_keras_has_no_card(network: Any, tmp_path: Path) -> None:
    path = tmp_path / "plain.keras"
    network.save(path)
    with pytest.raises(ValueError, match="not one saved by napari-fcn-crf"):
        keras_file.load(path)


def test_card_and_network_must_agree(network: Any, card: ModelCard, saved: Path) -> None:
    gray = replace(card, channels=1, intensity=IntensityMapping((0.0,), (255.0,)))
    rewrite(saved, **{CARD_MEMBER: gray.to_json().encode()})
    with pytest.raises(ValueError, match="speaks of 1 channels and 2 classes"):
        keras_file.load(saved)


def test_a_truncated_model(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    half = tmp_path / "half.keras"
    half.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="cannot be read"):
        keras_file.load(half)


def test_limits_leave_room_for_the_full_network() -> None:
    full_network_with_adam = 3 * 134_285_122 * 4
    assert archive_check._SIZE_LIMITS[archive_check.WEIGHTS_MEMBER] > full_network_with_adam
