"""The table of formats: what recognises files is what dialogs, errors and help offer."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.weights.formats import table
from napari_fcn_crf.weights.formats.file_format import FirstLook, WeightsFormat
from napari_fcn_crf.weights.formats.npz import npz_tensors
from napari_fcn_crf.weights.formats.tensors import FROSSARD, Convention
from napari_fcn_crf.weights.formats.vgg_layers import Layers, named_layers
from napari_fcn_crf.weights.vgg_file import describe_weights
from tests.weights.reference import Reference
from tests.weights.writers import write_npz

MAGIC = b"MATLAB"


def read(look: FirstLook, stack: ExitStack) -> tuple[Layers, Convention]:
    plain = look.path.with_suffix(".npz")
    plain.write_bytes(look.path.read_bytes().removeprefix(MAGIC))
    return named_layers(stack.enter_context(npz_tensors(plain)), "{layer}_W", "{layer}_b"), FROSSARD


@pytest.fixture
def matlab(monkeypatch: pytest.MonkeyPatch) -> None:
    """A format as a person adds it: a row."""
    row = WeightsFormat(
        "MATLAB", (".mat",), lambda look: look.head.startswith(MAGIC), read, library="MatConvNet"
    )
    monkeypatch.setattr(table, "FORMATS", (*table.FORMATS, row))


@pytest.mark.usefixtures("matlab")
def test_a_format_is_added_by_a_row(
    compact: Reference, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_npz(tmp_path / "plain.npz", compact)
    path = tmp_path / "vgg.mat"
    path.write_bytes(MAGIC + (tmp_path / "plain.npz").read_bytes())
    assert describe_weights(path).startswith("VGG-16 compact, MATLAB, 13 conv")
    assert table.endings()[-1] == ".mat"
    (tmp_path / "other").write_bytes(b"else")
    with pytest.raises(ValueError, match=r"ONNX \(\.onnx\) or MatConvNet \(\.mat\)\.$"):
        describe_weights(tmp_path / "other")
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "or MatConvNet (.mat)" in " ".join(capsys.readouterr().out.split())


def test_published_formats_are_named_with_the_usual_ending() -> None:
    assert table.published_kinds() == (
        "Keras (.h5), TensorFlow (.ckpt), PyTorch (.pth, .safetensors), numpy (.npz) or ONNX "
        "(.onnx)"
    )


def test_every_format_has_its_file_and_its_row() -> None:
    folder = Path(table.__file__).parent
    with_one = {
        path.stem
        for path in folder.glob("*.py")
        if "\nFORMAT = WeightsFormat(" in path.read_text(encoding="utf-8")
    }
    rows = {kind.read.__module__.rpartition(".")[2] for kind in table.FORMATS}
    assert rows == with_one
    assert len(rows) == len(table.FORMATS) == 7


def test_asking_for_formats_loads_none_of_their_libraries() -> None:
    code = (
        "import sys; from napari_fcn_crf.weights.formats.table import endings; assert endings(); "
        "print(*{'h5py', 'onnx', 'keras', 'tensorflow', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
