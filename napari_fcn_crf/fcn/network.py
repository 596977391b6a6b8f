"""Network from its settings: preprocessing, backbone, head, and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from napari_fcn_crf.backbones import BACKBONES, FULLY_CONNECTED
from napari_fcn_crf.fcn.heads.head import Plan, find_head, head_of, name_network
from napari_fcn_crf.fcn.layers.initialisation import initialise
from napari_fcn_crf.fcn.layers.plane import Plane
from napari_fcn_crf.fcn.layers.vgg16 import IMAGENET_MEANS, preprocess
from napari_fcn_crf.fcn.start import bundled
from napari_fcn_crf.fcn.start.adaptation import adapt
from napari_fcn_crf.fcn.start.scaling import scale_to_inputs
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.settings import BUNDLED, RANDOM, TrainingSettings
from napari_fcn_crf.weights.vgg_file import VGGFile, files_of, open_weights


def build_network(
    settings: TrainingSettings,
    channels: int,
    n_classes: int,
    image: Plane | None = None,
) -> tuple[Any, str]:
    """Build a network that maps 0-255 images to logits of the same rows and columns.

    Parameters
    ----------
    settings : TrainingSettings
        Its architecture, backbone, weights, rates, dropout and seed are used.
    channels, n_classes : int
    image : array of float32 or MappedImage, shape `(rows, columns, channels)`, optional
        That it will be trained on, on the 0-255 scale. What a weights file does not hold is scaled
        to it, if rates are fitted.

    Returns
    -------
    network : keras.Model
        From `(batch, rows, columns, channels)` to `(batch, rows, columns, n_classes)`; rows and
        columns must be multiples of 32.
    description : str
        Where the weights came from, as one phrase.

    Raises
    ------
    ValueError
        If the weights file cannot be used; the message says why.
    """
    if settings.starting_weights == RANDOM:
        network = _assemble(settings, channels, n_classes, IMAGENET_MEANS, frozenset())
        return network, "random (He)"
    if settings.starting_weights == BUNDLED:
        bundled.check_backbone(settings.backbone)
        is_deep = bool(find_head(settings.architecture).enlarged)
        arrays = bundled.read_bundled(deep=is_deep)
        learnt = frozenset(bundled.bundled_layers(arrays))
        network = _assemble(settings, channels, n_classes, IMAGENET_MEANS, learnt)
        bundled.assign_bundled(network, arrays, channels)
        return network, f"{BACKBONES[settings.backbone].title}, {bundled.DESCRIPTION}"
    with open_weights(settings.starting_weights) as file:
        _check_backbone(file, settings)
        learnt = frozenset(file.names)
        network = _assemble(settings, channels, n_classes, file.convention.means, learnt)
        present = {layer.name for layer in network.layers}
        for name in file.names:
            if name not in present:
                continue
            layer = network.get_layer(name)
            kernel, bias = adapt(*file.read(name), tuple(layer.kernel.shape))
            layer.kernel.assign(kernel)
            layer.bias.assign(bias)
        new = [name for name in FULLY_CONNECTED if name in present and name not in file.names]
        # Equal steps are small for large kernels only: scaled ones they would throw about.
        if image is not None and settings.rates == "fitted":
            scale_to_inputs(network, new, image)
        return network, file.describe() + (f"; {' and '.join(new)} random" if new else "")


def starting_files(settings: TrainingSettings) -> list[Path]:
    """Return the files that a network's weights come from; none if they are random."""
    weights = settings.starting_weights
    if weights == RANDOM:
        return []
    if weights == BUNDLED:
        is_deep = bool(find_head(settings.architecture).enlarged)
        return [bundled.FILE, bundled.DEEP_FILE] if is_deep else [bundled.FILE]
    return files_of(weights)


def copy_network(network: Any) -> Any:
    """Return a network of the same layers and weights."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    return copy


def _assemble(
    settings: TrainingSettings,
    channels: int,
    n_classes: int,
    means: tuple[float, ...],
    learnt: frozenset[str],
) -> Any:
    """Return a network in which what was not learnt before is random, or silent."""
    image = keras.Input((None, None, channels), name="image")
    plan = Plan(
        preprocess(image, means),
        BACKBONES[settings.backbone].widths,
        n_classes,
        settings.dropout,
        settings.seed,
        learnt,
    )
    logits = find_head(settings.architecture).build(plan)
    network = keras.Model(image, logits, name=name_network(settings.architecture, n_classes))
    initialise(network, settings.seed, skip=learnt | _silent(network, settings, bool(learnt)))
    return network


def _silent(network: Any, settings: TrainingSettings, has_learnt: bool) -> set[str]:
    """Return the layers that start as zeros."""
    head = head_of(network)
    silent = set(head.silent)
    if head.classifier is not None:
        classifier = head.classifier(network)
        silent |= {layer.name for layer in classifier.layers}
    if has_learnt and settings.rates == "fitted":
        silent |= set(head.scores)
    return silent


def _check_backbone(file: VGGFile, settings: TrainingSettings) -> None:
    if file.backbone != settings.backbone:
        raise InputError(
            f'The weights in {file.path.name} are for the backbone "{file.backbone}", but '
            f'"{settings.backbone}" was chosen. Choose "{file.backbone}", or train without weights.'
        )
