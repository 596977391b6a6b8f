"""The demo's whole run on the sample cat, by the command that `make demo` gives."""

import io
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_fcn_crf.cli.main import main
from napari_fcn_crf.data import image_files, samples
from napari_fcn_crf.demo import sample_run
from tests.commands import kept_environment


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a run printed, and where it wrote."""
    folder = tmp_path_factory.mktemp("demo") / "results"
    out, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with kept_environment(), redirect_stdout(out), redirect_stderr(error):
        code = main(["demo", "--output", str(folder)])
    assert (code, error.buffer.getvalue()) == (0, b"")
    return out.buffer.getvalue().decode(), folder


def test_the_loss_is_printed_before_each_step_and_falls(ran: tuple[str, Path]) -> None:
    losses = [float(loss) for loss in re.findall(r"^step .* loss +([\d.]+)$", ran[0], re.M)]
    assert len(losses) == sample_run.SETTINGS.iterations
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:10])


def test_the_crf_improves_the_cat(ran: tuple[str, Path]) -> None:
    for row in ("IoU of the cat", "pixel accuracy"):
        before, after = map(float, re.search(rf"{row} +([\d.]+) +([\d.]+)", ran[0]).groups())
        assert 0.8 < before < after <= 1


def test_stages_memory_and_folder_are_printed(ran: tuple[str, Path]) -> None:
    out, folder = ran
    for stage in ("train", "predict", "refine"):
        assert re.search(rf"^{stage}.* \d+\.\d s$", out, re.M)
    assert re.search(r"^peak memory +\d+\.\d GiB$", out, re.M)
    assert str(folder.resolve()) in out.splitlines()[-1]


def test_the_files_hold_what_was_computed(ran: tuple[str, Path]) -> None:
    folder = ran[1]
    annotation = samples.load("cat_annotation")
    probabilities = image_files.read_probabilities(folder / "cat_predicted_probabilities.tif")
    assert probabilities.values.dtype == np.float32
    assert probabilities.values.shape == (2, *annotation.shape)
    assert probabilities.class_values == (0, 1)
    labels = image_files.read_labels(folder / "cat_predicted.tif")
    np.testing.assert_array_equal(labels, probabilities.values.argmax(axis=0))
    refined = image_files.read_labels(folder / "cat_refined.tif")
    assert np.mean(refined == annotation) > np.mean(labels == annotation)
    # So that the next run may replace them.
    assert all(map(image_files.is_result, sample_run.result_files(folder, "cat")))
    with Image.open(folder / "cat_demo.png") as figure:
        width, height = figure.size
        assert width > 5 * 200
        assert width > 5 * height
    assert len(list(folder.iterdir())) == 4


def test_a_view_that_cannot_open_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="could not show the results"):
        sample_run.view(tmp_path)
