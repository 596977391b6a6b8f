"""bioimage.io package of a trained model: its network, an example, and what it is.

The description is written out: bioimageio.spec, which could write it, brings a dozen packages and
leaves files open, and the one that bioimageio.core 0.11 asks for does not bear pydantic 2.13. The
tests read it.
"""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.fcn.elsewhere.weights_formats import ORIGINAL, WEIGHTS_FORMATS, Trained
from napari_fcn_crf.fcn.onnx_graph.network_graph import (
    IMAGE,
    LEAST_SIDE_PX,
    PROBABILITIES,
)
from napari_fcn_crf.progress import Progress

if TYPE_CHECKING:
    from napari_fcn_crf.model.card import ModelCard
    from napari_fcn_crf.progress import OnProgress

README = "README.md"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
"""Members of the package, beside its description."""

_FORMAT_VERSION = "0.5.12"
_LONGEST_NAME, _LONGEST_DESCRIPTION = 100, 1000
_UNALLOWED = re.compile(r"[^\w+\- ()]")
"""In the name of a package, by its specification."""

_CITED = {
    "Long, Shelhamer and Darrell, Fully convolutional networks for semantic segmentation, CVPR "
    "2015": "10.1109/CVPR.2015.7298965",
    "Hariharan, Arbeláez, Girshick and Malik, Hypercolumns for object segmentation and "
    "fine-grained localization, CVPR 2015": "10.1109/CVPR.2015.7298642",
}


def write_package(
    path: Path,
    trained: Trained,
    example: npt.NDArray[Any],
    probabilities: npt.NDArray[np.float32],
    on_progress: OnProgress,
) -> None:
    """Write a package, with the network in each format that can be written here.

    Parameters
    ----------
    path : Path
    trained : Trained
    example : array, shape `(rows, columns, channels)`
    probabilities : array of float32, shape `(n_classes, rows, columns)`
        What the network makes of it, so that whoever opens the package can compare.
    on_progress : callable
        Is told which format is being written.
    """
    card = trained.card
    pixels = np.moveaxis(example.astype(np.float32), -1, 0)[np.newaxis]
    possible = {name: one for name, one in WEIGHTS_FORMATS.items() if one.is_possible()}
    weights = {}
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package,
        tempfile.TemporaryDirectory() as folder,
    ):
        for done, (name, one) in enumerate(possible.items()):
            on_progress(Progress(f"Writing for {one.title}", done, len(possible)))
            file = Path(folder) / one.file
            said = {"source": one.file} | one.write(trained, file)
            weights[name] = said if name == ORIGINAL else said | {"parent": ORIGINAL}
            # Weights are hardly compressed, but take their time.
            package.write(file, one.file, zipfile.ZIP_STORED)
            file.unlink()
        # JSON is YAML, too.
        description = json.dumps(_description(card, weights), indent=1, ensure_ascii=False)
        package.writestr("rdf.yaml", description)
        package.writestr(README, _readme(card))
        for name, array in ((TEST_INPUT, pixels), (TEST_OUTPUT, probabilities[np.newaxis])):
            with package.open(name, "w") as member:
                np.save(member, array)


def _description(card: ModelCard, weights: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in the package's `rdf.yaml`."""
    names = _class_names(card)
    channels = [f"channel {number}" for number in range(1, card.channels + 1)]
    given = {"min": LEAST_SIDE_PX, "step": 1}
    return {
        "type": "model",
        "format_version": _FORMAT_VERSION,
        "name": _UNALLOWED.sub(" ", f"FCN-CRF {' '.join(names)}")[:_LONGEST_NAME].strip(),
        "description": f"Tells {', '.join(names)} apart. {_network(card)}."[:_LONGEST_DESCRIPTION],
        "cite": [{"text": text, "doi": doi} for text, doi in _CITED.items()],
        "documentation": {"source": README},
        "tags": ["semantic-segmentation", "napari", "fcn", "vgg16"],
        "inputs": [_tensor(IMAGE, channels, TEST_INPUT, dict.fromkeys("yx", given))],
        "outputs": [
            _tensor(
                PROBABILITIES,
                names,
                TEST_OUTPUT,
                {axis: {"tensor_id": IMAGE, "axis_id": axis} for axis in "yx"},
            )
        ],
        "weights": weights,
    }


def _tensor(name: str, channels: list[str], test: str, sizes: dict[str, Any]) -> dict[str, Any]:
    spatial = [{"type": "space", "id": axis, "size": size} for axis, size in sizes.items()]
    return {
        "id": name,
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": channels}, *spatial],
        "test_tensor": {"source": test},
    }


def _class_names(card: ModelCard) -> list[str]:
    """Return the classes' names, all different."""
    names: list[str] = []
    for value, name in zip(card.class_values, card.class_names, strict=True):
        plain = name or f"class {value}"
        names.append(plain if plain not in names else f"{plain} ({value})")
    return names


def _network(card: ModelCard) -> str:
    settings = card.training
    return f"Head {settings.architecture} on VGG-16, backbone {settings.backbone}"


def _readme(card: ModelCard) -> str:
    intensity = card.intensity
    classes = "\n".join(
        f"* {name} (label {value})"
        for name, value in zip(_class_names(card), card.class_values, strict=True)
    )
    ranges = ", ".join(
        f"{low:.6g} to {high:.6g}" for low, high in zip(intensity.low, intensity.high, strict=True)
    )
    return (
        f"# Semantic segmentation, trained with napari-fcn-crf\n\n{_network(card)}.\n\n"
        f"Classes:\n\n{classes}\n\n"
        f"Input: an image as it is, {card.channels} channels, any size from {LEAST_SIDE_PX} "
        f"pixels; intensities of {intensity.dtype or 'the training images'} from {ranges} were "
        "seen in training, and the network maps them itself. Output: class probabilities.\n\n"
        "The fully connected CRF that napari-fcn-crf refines them with is not part of this "
        "package.\n\n"
        "## Validation\n\nCompare the most probable class with labels of images that were not "
        "trained on, by intersection over union.\n"
    )
