"""Heads of a fully convolutional network: a file and a `Head` record each, found by their names.

No head's module imports Keras before the head is built: napari's process, which never does, reads
titles and tips here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, get_args

from napari_fcn_crf import settings
from napari_fcn_crf.backbones import BACKBONES, VGGWidths
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

STEPS = 100
"""Of a training by steps, where nobody has said how many."""

Network = Any
"""A `keras.Model`."""

Enlarged = tuple[tuple[str, tuple[int, ...]], ...]
"""Layers of class scores, each with the factors that it is enlarged by in turn."""

_HALOS_PX = {3: 160, 7: 224}
"""What patches need around their cores, by the side of fc6's kernel."""


@dataclass(frozen=True)
class Plan:
    """What a head is built on.

    Parameters
    ----------
    image : tensor, shape `(batch, rows, columns, channels)`
        With the means subtracted; rows and columns multiples of 32.
    widths : VGGWidths
        Of the backbone.
    n_classes : int
    dropout : float
        Fraction of fc6 and fc7 units dropped while training.
    seed : int
        Of dropout.
    learnt : frozenset of str
        Layers whose weights were learnt before; none where all are random.
    """

    image: Any
    widths: VGGWidths
    n_classes: int
    dropout: float
    seed: int
    learnt: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Classifier:
    """A linear classifier of constant features, which is solved in closed form.

    Parameters
    ----------
    layers : list of keras.layers.Conv2D
        1x1 convolutions whose sum the logits are. They start as zeros.
    features : callable
        Takes the network, patches of images, where these are annotated, and what is told how many
        are done. Standardises the network's features and returns those of the annotated pixels,
        side by side for all layers.
    logits : tensor
        Before they are sharpened, if a layer does that.
    sharpness : float
        Factor of the solution, where no layer sharpens.
    normalisation : keras.layers.BatchNormalization, optional
        Of features that are not negative and of which every pixel has its own, in front of the only
        layer. They can be kept, and scored again and again without the network.
    of_layers : callable, optional
        Returns what each layer is for a solution, where it takes features as they are, not
        standardised.
    """

    layers: list[Any]
    features: Callable[..., Any]
    logits: Any
    sharpness: float = 1.0
    normalisation: Any = None
    of_layers: Callable[[Any], list[Any]] | None = None


@dataclass(frozen=True)
class PixelSum:
    """How each pixel is classified by itself: levels are enlarged bilinearly and added.

    Parameters
    ----------
    levels : list of (keras.layers.Conv2D, int)
        1x1 convolutions, each with the stride that it is enlarged by.
    layers : list of keras.layers.Layer
        The one that adds the levels, and those behind it up to the logits that are trained.
    """

    levels: list[tuple[Any, int]]
    layers: list[Any]


@dataclass(frozen=True)
class Head:
    """What stands on top of the backbone, and all that others need to know of it.

    Parameters
    ----------
    title : str
        As the dock shows it.
    tip : str
        A sentence on what it does.
    good_for : str
        What to choose it for, behind "Good for".
    build : callable
        Takes a `Plan` and returns the logits `(batch, rows, columns, n_classes)`.
    scores : tuple of str
        Layers of class scores: on weights that were learnt before, and with fitted rates, they
        start as zeros.
    silent : tuple of str
        Layers that start as zeros in any case.
    projections : tuple of str
        Layers that the image goes into, together with features and in front of them.
    classifier : callable, optional
        Takes a network with this head and returns the `Classifier` that it ends in.
    pixel_sum : callable, optional
        Takes a network with this head and returns its `PixelSum`.
    enlarged : tuple of (layer's name, factors)
        Scores of coarse levels whose bilinear enlargements add up to the logits. On the bundled
        weights, with those deep layers that respond to every image, they are solved in closed form.
    halo_px : int
        What a patch needs around its core, a multiple of 32 (see `prediction.receptive_field`); 0
        for what fc6 on pool5 needs.
    """

    title: str
    tip: str
    good_for: str
    build: Callable[[Plan], Any]
    scores: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    projections: tuple[str, ...] = ()
    classifier: Callable[[Network], Classifier] | None = None
    pixel_sum: Callable[[Network], PixelSum] | None = None
    enlarged: Enlarged = ()
    halo_px: int = 0

    def is_solved(self, asked: settings.TrainingSettings) -> bool:
        """Return whether what is asked for is solved in closed form before the first step."""
        if self.classifier is not None:
            return True
        is_bundled = asked.starting_weights == settings.BUNDLED
        return bool(self.enlarged) and is_bundled and asked.rates == "fitted"

    @property
    def description(self) -> str:
        """What it does and what it is good for, in two sentences."""
        return f"{self.tip} Good for {self.good_for}."


def heads() -> dict[str, Head]:
    """Return all heads by their names, as they are offered."""
    return {name: find_head(name) for name in get_args(settings.Architecture)}


def find_head(name: str) -> Head:
    """Return the head in the file of that name."""
    head: Head = import_module(f"napari_fcn_crf.fcn.heads.{name}").HEAD
    return head


def halo_of(asked: settings.TrainingSettings) -> int:
    """Return what a patch needs around its core, before there is a network to read it off."""
    given = find_head(asked.architecture).halo_px
    return given or _HALOS_PX[BACKBONES[asked.backbone].widths.fc6_kernel]


def steps_of(asked: settings.TrainingSettings) -> int:
    """Return how many steps a training from the start takes, if it is not ended."""
    if asked.iterations is not None:
        return asked.iterations
    is_solved = find_head(asked.architecture).is_solved(asked)
    is_learnt = asked.starting_weights != settings.RANDOM
    is_of_steps = asked.mode == "full" or asked.validation_fraction or asked.patience
    return 0 if is_solved and is_learnt and not (is_of_steps or asked.augment) else STEPS


def name_network(architecture: str, n_classes: int) -> str:
    """Return the name of a network with this head, by which `head_of` knows it."""
    return f"{architecture}_{n_classes}"


def head_of(network: Network) -> Head:
    """Return the head that a network was built with.

    Raises
    ------
    ValueError
        If it is none of ours.
    """
    name = network.name.rpartition("_")[0]
    known = get_args(settings.Architecture)
    if name not in known:
        raise InputError(
            f"Expected a network with the head {', '.join(known)}, but its name is "
            f"{quoted(network.name, 40)}. Train a new model."
        )
    return find_head(name)


def classifier_of(network: Network) -> Classifier | None:
    """Return the linear classifier that a network ends in, if it does."""
    head = head_of(network)
    if head.enlarged:
        # Here, for napari's process reads this module, and never imports Keras.
        from napari_fcn_crf.fcn.hypercolumns.enlarged_scores import EnlargedScores

        layers = [network.get_layer(name) for name, _ in head.enlarged]
        scores = EnlargedScores(layers, [factors for _, factors in head.enlarged])
        return Classifier(layers, scores.features, network.output, of_layers=scores.of_layers)
    return None if head.classifier is None else head.classifier(network)


def trained_logits(network: Network) -> Any:
    """Return what a network is trained by: its logits, before they are sharpened if they are.

    Solved scores start where the loss, penalty included, is smallest. Steps on sharpened logits
    would lead away from there, to larger and larger ones.
    """
    classifier = classifier_of(network)
    return network.output if classifier is None else classifier.logits
