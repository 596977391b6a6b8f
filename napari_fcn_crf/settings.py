"""Every setting and its default, once; widgets, command line and core read them from here."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_type_hints

from napari_fcn_crf.input_error import InputError

Architecture = Literal["fcn32s", "fcn16s", "fcn8s", "largefov", "hypercolumn"]
Backbone = Literal["vgg16-compact", "vgg16"]
LabelMode = Literal["scribbles", "mask"]
LossReduction = Literal["mean", "sum"]
ClassWeights = Literal["none", "balanced"]
TrainingMode = Literal["auto", "quick", "full"]
Rates = Literal["fitted", "equal"]
CRFEngine = Literal["builtin", "pydensecrf"]
Precision = Literal["single", "half"]
Backend = Literal["tensorflow", "torch", "jax"]

BUNDLED = "bundled"
"""Weights that come with the package, instead of a file's path."""

RANDOM = "random"
"""Random weights, instead of a file's path."""

SMALLEST_TILE_PX = 256

DEVICES = ("auto", "cpu", *(f"gpu:{index}" for index in range(8)))


def require(name: str, value: object, holds: bool, expected: str) -> None:
    """Raise a ValueError that names the setting, what it must be and what it was."""
    if not holds:
        # A file may hold anything, of any length.
        raise InputError(f"{name} must be {expected}, but is {reprlib.repr(value)}.")


def require_between(name: str, value: Any, lowest: float, highest: float, kind: Any = Real) -> None:
    """Raise a ValueError unless the setting is a number of a kind within these bounds."""
    # NaN is within no bounds.
    holds = isinstance(value, kind) and lowest <= value <= highest
    what = "a whole number" if kind is Integral else "a number"
    require(name, value, holds, f"{what} from {lowest:g} to {highest:g}")


class _Settings:
    """What the settings classes share: checked literals and a round trip through JSON."""

    def _check_literals(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            choices = get_args(hint)
            if getattr(hint, "__origin__", None) is Literal:
                value = getattr(self, name)
                expected = "one of " + ", ".join(map(repr, choices))
                require(name, value, value in choices, expected)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in values.items()
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make settings from `to_dict`'s values; names this version does not know are left out.

        Raises
        ------
        ValueError
            If they are no such values; the message says which.
        """
        if not isinstance(values, dict):
            raise InputError(
                f"Settings must be values by name, but {reprlib.repr(values)} was found."
            )
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: value for name, value in values.items() if name in known})


@dataclass(frozen=True)
class TrainingSettings(_Settings):
    """How a network is built and trained.

    Parameters
    ----------
    architecture : {"fcn32s", "fcn16s", "fcn8s", "largefov", "hypercolumn"}
        The fully convolutional network on top of the backbone: class scores at stride 32; joined by
        those of stride 16, or 16 and 8; at stride 8 by convolutions with holes; or at every pixel
        from all levels at once.
    backbone : {"vgg16-compact", "vgg16"}
        VGG-16, or the same thirteen convolutions at a quarter of the width with a 3x3 fc6 of 256.
    weights : path, "bundled" or "random", optional
        A file with the backbone's weights, those that come with the package for "vgg16-compact", or
        random (He) ones. None means "bundled" for "vgg16-compact" and "random" for "vgg16", for
        which none come with the package.
    labels : {"scribbles", "mask"}
        Whether a 0 in the labels is "not annotated" or the background, a class of its own.
    iterations : int
        Optimizer steps, one image each.
    learning_rate : float
        Of Adam.
    backbone_rate : float
        Share of the learning rate that the thirteen convolutions are trained at where their weights
        were learnt before, above 0 and at most 1: a few strokes would undo what they know.
    rates : {"fitted", "equal"}
        "fitted" lets class scores start silent on weights that were learnt before, and takes
        smaller steps in layers whose output a step would change most, the wide and the loud ones;
        "equal" lets scores start at random, and takes the same step in all.
    dropout : float
        Fraction of fc6 and fc7 units dropped while training, in [0, 1).
    loss_reduction : {"mean", "sum"}
        Whether the pixels' cross-entropies are averaged or summed.
    class_weights : {"balanced", "none"}
        Weigh each class by the inverse of its number of annotated pixels, or all pixels alike.
    seed : int
        Of initialisation, dropout and the order of images.
    mode : {"auto", "quick", "full"}
        "quick" leaves the backbone's thirteen convolutions as they are and computes their features
        once for each image, so that a step costs only what is on top of them; "full" trains
        everything. "auto" is quick on a CPU if the backbone's weights were learnt, and full
        otherwise.
    validation_fraction : float
        Share of each class's strokes that is held out to measure the IoU on, from 0 to 0.5.
    patience : int
        Stop when the loss, or the IoU of what is held out, has not improved for so many steps; 0
        never stops early.
    augment : bool
        Show the images turned, flipped and, in full mode, enlarged, brighter and darker as well.

    Raises
    ------
    ValueError
        If a value is outside its range; the message names it.
    """

    architecture: Architecture = "hypercolumn"
    backbone: Backbone = "vgg16-compact"
    weights: str | Path | None = None
    labels: LabelMode = "scribbles"
    iterations: int = 100
    learning_rate: float = 1e-3
    backbone_rate: float = 0.1
    rates: Rates = "fitted"
    dropout: float = 0.5
    loss_reduction: LossReduction = "mean"
    class_weights: ClassWeights = "balanced"
    seed: int = 0
    mode: TrainingMode = "auto"
    validation_fraction: float = 0.0
    patience: int = 0
    augment: bool = False

    def __post_init__(self) -> None:
        self._check_literals()
        require("iterations", self.iterations, self.iterations >= 1, "at least 1")
        rate = self.learning_rate
        require("learning_rate", rate, 0 < rate < math.inf, "above 0 and finite")
        rate = self.backbone_rate
        require("backbone_rate", rate, 0 < rate <= 1, "above 0 and at most 1")
        require("dropout", self.dropout, 0 <= self.dropout < 1, "at least 0 and below 1")
        require("seed", self.seed, 0 <= self.seed < 2**32, "from 0 to 4294967295")
        fraction = self.validation_fraction
        require("validation_fraction", fraction, 0 <= fraction <= 0.5, "from 0 to 0.5")
        require("patience", self.patience, self.patience >= 0, "at least 0")

    @property
    def starting_weights(self) -> str | Path:
        """The weights that None means, or those that were chosen."""
        if self.weights is not None:
            return self.weights
        return BUNDLED if self.backbone == "vgg16-compact" else RANDOM

    @classmethod
    def paper(cls, weights: str | Path | None = None) -> TrainingSettings:
        """Return the settings of the 2016 tutorial's run: FCN-32s on VGG-16, ten Adam steps.

        References
        ----------
        Long, Shelhamer and Darrell, "Fully convolutional networks for semantic segmentation",
        CVPR 2015, https://doi.org/10.1109/CVPR.2015.7298965
        """
        return cls(
            architecture="fcn32s",
            backbone="vgg16",
            weights=weights,
            labels="mask",
            iterations=10,
            learning_rate=1e-4,
            backbone_rate=1.0,
            rates="equal",
            dropout=0.5,
            loss_reduction="sum",
            class_weights="none",
            mode="full",
        )


@dataclass(frozen=True)
class PredictionSettings(_Settings):
    """How an image is predicted.

    Parameters
    ----------
    tile_px : int
        Planes with a longer side are predicted in overlapping tiles of at most this side, so that
        memory stays bounded. A multiple of 32; halved where memory is too short for it.
    """

    tile_px: int = 1024

    def __post_init__(self) -> None:
        valid = self.tile_px >= SMALLEST_TILE_PX and self.tile_px % 32 == 0
        require("tile_px", self.tile_px, valid, f"a multiple of 32, at least {SMALLEST_TILE_PX}")

    def with_smaller_tiles(self, longest_side: int) -> Self | None:
        """Return settings with tiles of half the side; None if these are the smallest already.

        Parameters
        ----------
        longest_side : int
            Of the image in pixels: a tile is never larger.
        """
        asked = min(self.tile_px, longest_side)
        if asked <= SMALLEST_TILE_PX:
            return None
        return replace(self, tile_px=max(SMALLEST_TILE_PX, asked // 2 // 32 * 32))


@dataclass(frozen=True)
class CRFSettings(_Settings):
    """Parameters of the fully connected CRF; the defaults are the tutorial's.

    Standard deviations and the depth ratio go from 1e-9 to 1e9, weights from 0 to 10 000.

    Parameters
    ----------
    iterations : int
        Mean-field iterations, up to 100000; 0 returns the probabilities as they are.
    gaussian_sigma_px : float
        Standard deviation of the smoothness kernel, θγ in the paper, in pixels.
    gaussian_weight : float
        Strength of the smoothness kernel, w(2).
    bilateral_sigma_px : float
        Spatial standard deviation of the appearance kernel, θα, in pixels.
    bilateral_sigma_intensity : float
        Intensity standard deviation of the appearance kernel, θβ, in grey levels of 0 to 255.
    bilateral_weight : float
        Strength of the appearance kernel, w(1).
    depth_ratio : float
        In volumes, the spatial standard deviations along z over those within a plane.
    engine : {"builtin", "pydensecrf"}
        Our own numba engine, or Krähenbühl's C++ code through pydensecrf, the reference.

    Raises
    ------
    ValueError
        If a value is outside its range; the message names it.

    References
    ----------
    Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge
    potentials", NIPS 2011, https://doi.org/10.48550/arXiv.1210.5644
    """

    iterations: int = 5
    gaussian_sigma_px: float = 10.0
    gaussian_weight: float = 3.0
    bilateral_sigma_px: float = 50.0
    bilateral_sigma_intensity: float = 20.0
    bilateral_weight: float = 10.0
    depth_ratio: float = 1.0
    engine: CRFEngine = "builtin"

    def __post_init__(self) -> None:
        self._check_literals()
        require_between("iterations", self.iterations, 0, 100_000, Integral)
        sigmas = "gaussian_sigma_px", "bilateral_sigma_px", "bilateral_sigma_intensity"
        for name in (*sigmas, "depth_ratio"):
            require_between(name, getattr(self, name), 1e-9, 1e9)
        # Stronger ones could outweigh what is certain, and make no label another.
        for name in ("gaussian_weight", "bilateral_weight"):
            require_between(name, getattr(self, name), 0, 10_000)


@dataclass(frozen=True)
class ComputeSettings(_Settings):
    """Where the network runs.

    Parameters
    ----------
    device : str
        "auto" (the first GPU if there is one), "cpu", or "gpu:0" to "gpu:7".
    backend : {"tensorflow", "torch", "jax"}
        The library Keras computes with.
    memory_growth : bool
        Let TensorFlow take GPU memory as it needs it instead of all at once.
    threads : int
        How many threads the network and the CRF use at most; 0 for as many as there are processors.
    weights_folder : str
        Where weights files are looked for; empty means the user's cache folder.
    interpreter : str
        Python of the compute process; empty means the one napari runs in.
    """

    device: str = "auto"
    backend: Backend = "tensorflow"
    memory_growth: bool = True
    threads: int = 0
    weights_folder: str = ""
    interpreter: str = ""

    def __post_init__(self) -> None:
        self._check_literals()
        require("device", self.device, self.device in DEVICES, "one of " + ", ".join(DEVICES))
        require("threads", self.threads, self.threads >= 0, "0 or more")
