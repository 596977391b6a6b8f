"""Heads: one file and one word in `settings.Architecture` each, and nothing else knows them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, get_args

import keras
import numpy as np
import numpy.typing as npt
import pytest

import napari_fcn_crf as nfc
from napari_fcn_crf import settings, settings_base
from napari_fcn_crf.cli.main import main
from napari_fcn_crf.fcn import heads as folder
from napari_fcn_crf.fcn.heads.head import head_of, heads, steps_of
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.pipeline import models

TINY = """
from napari_fcn_crf.fcn.heads.head import Head

def build(plan):
    from napari_fcn_crf.fcn.layers.upsampling import upsample
    from napari_fcn_crf.fcn.layers.vgg16 import score, vgg16_to_conv4

    pool1 = vgg16_to_conv4(plan.image, plan.widths)["pool1"]
    return upsample(score(pool1, plan.n_classes, "tiny_scores"), 2, "tiny_upsampled")

HEAD = Head("Tiny", "Scores of pool1.", "edges", build, scores=("tiny_scores",))
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A head as a person adds it: a file in the folder, and its name in the list."""
    (tmp_path / "tiny.py").write_text(TINY, encoding="utf-8")
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    names = get_args(settings.Architecture)
    monkeypatch.setattr(settings, "Architecture", Literal[*names, "tiny"])
    monkeypatch.setattr(settings_base, "_known", {})
    yield "tiny"
    sys.modules.pop(f"{folder.__name__}.tiny", None)


@pytest.mark.parametrize(("mode", "weights"), [("quick", "bundled"), ("full", "random")])
def test_a_head_is_added_by_a_file_and_a_name(
    tiny: str,
    mode: settings.TrainingMode,
    weights: str,
    tiny_image: npt.NDArray[np.uint8],
    tiny_labels: npt.NDArray[np.int32],
    tmp_path: Path,
) -> None:
    chosen = nfc.TrainingSettings(
        architecture=tiny, weights=weights, mode=mode, iterations=12, learning_rate=0.01
    )
    model = nfc.train(tiny_image, tiny_labels, chosen)
    first, last = model.card.losses[0], model.card.losses[-1]
    assert last < 0.9 * first
    # Scores that start silent on learnt weights, as the record says, know nothing.
    silent = bool(first == pytest.approx(np.log(model.card.n_classes), rel=1e-4))
    assert silent is (weights == "bundled")
    models.save_model(model, tmp_path / "model.keras")
    loaded = models.load_model(tmp_path / "model.keras")
    assert head_of(loaded.network).title == "Tiny"
    again = nfc.train(tiny_image, tiny_labels, chosen, resume=loaded)
    assert len(again.card.losses) == 24
    np.testing.assert_array_equal(nfc.predict(loaded, tiny_image), nfc.predict(model, tiny_image))


def test_an_added_head_is_offered(tiny: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(heads())[-1] == tiny
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "hypercolumn,tiny}" in text
    assert "Tiny: Scores of pool1. Good for edges." in text


def test_each_file_is_a_head_and_each_name_a_file() -> None:
    files = {path.stem for path in Path(folder.__file__).parent.glob("*.py")}
    assert files - {"__init__", "head"} == set(get_args(settings.Architecture))


def test_the_layers_that_records_name_are_there() -> None:
    for name, head in heads().items():
        chosen = nfc.TrainingSettings(architecture=name)  # type: ignore[arg-type]
        network, _ = build_network(chosen, 3, 2)
        layers = {layer.name for layer in network.layers}
        assert {*head.scores, *head.silent, *head.projections} <= layers, name


def test_a_network_of_another_origin_has_no_head_of_ours() -> None:
    image = keras.Input((None, None, 3))
    with pytest.raises(ValueError, match=r"its name is unet_2\. Train a new model"):
        head_of(keras.Model(image, image, name="unet_2"))


def test_titles_and_tips_need_no_keras() -> None:
    code = (
        "import sys; from napari_fcn_crf.fcn.heads.head import heads; "
        "assert all(h.title and h.description for h in heads().values()); "
        "print(*{'keras', 'tensorflow', 'torch', 'jax', 'numba', 'h5py'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize(
    ("chosen", "steps"),
    [
        ({}, 0),
        ({"iterations": 7}, 7),
        ({"mode": "quick"}, 0),
        ({"mode": "full"}, 100),
        ({"weights": "random"}, 100),
        ({"validation_fraction": 0.3}, 100),
        ({"patience": 5}, 100),
        ({"augment": True}, 100),
        ({"mode": "full", "iterations": 0}, 0),
        ({"architecture": "fcn8s"}, 0),
        ({"architecture": "fcn8s", "rates": "equal"}, 100),
        ({"architecture": "fcn8s", "weights": "random"}, 100),
        ({"architecture": "fcn8s", "weights": "vgg.h5"}, 100),
        ({"architecture": "fcn8s", "weights": "random", "iterations": 0}, 0),
    ],
)
def test_what_is_solved_takes_no_steps_unless_asked(chosen: dict[str, Any], steps: int) -> None:
    assert steps_of(nfc.TrainingSettings(**chosen)) == steps
