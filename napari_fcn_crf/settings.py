"""Every setting and its default, once; widgets, command line and core read them from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from napari_fcn_crf.settings_base import Bounds, Settings, require

Architecture = Literal["fcn32s", "fcn16s", "fcn8s", "largefov", "hypercolumn"]
"""The heads: each is the file of that name in `fcn/heads/`, and they are offered in this order."""

Backbone = Literal["vgg16-compact", "vgg16"]
LabelMode = Literal["scribbles", "mask", "objects", "objects-border"]
LossReduction = Literal["mean", "sum"]
ClassWeights = Literal["balanced", "none"]
TrainingMode = Literal["auto", "quick", "full"]
Rates = Literal["fitted", "equal"]
CRFEngine = Literal["builtin", "pydensecrf"]
IntensityChoice = Literal["auto", "model", "image"]
"""Whether an image is mapped by the model's range, by its own, or by what fits."""

Precision = Literal["single", "half"]
Backend = Literal["tensorflow", "torch", "jax"]

BUNDLED = "bundled"
"""Weights that come with the package, instead of a file's path."""

RANDOM = "random"
"""Random weights, instead of a file's path."""

SMALLEST_TILE_PX = 256

_MODES = [
    ("automatic", "auto"),
    ("quick: only the head", "quick"),
    ("full: every layer", "full"),
]

DEVICES = ("auto", "cpu", *(f"gpu:{index}" for index in range(8)))


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """How a network is built and trained.

    Parameters
    ----------
    architecture : Architecture
        The head, that is the fully convolutional network on top of the backbone.
    backbone : {"vgg16-compact", "vgg16"}
        VGG-16, or the same thirteen convolutions at a quarter of the width with a 3x3 fc6 of 256.
    weights : path, "bundled" or "random", optional
        A file with the backbone's weights, those that come with the package for "vgg16-compact", or
        random (He) ones. None means "bundled" for "vgg16-compact" and "random" for "vgg16", for
        which none come with the package.
    labels : {"scribbles", "mask", "objects", "objects-border"}
        Whether a 0 in the labels is "not annotated" or the background, a class of its own. Where
        every object has a number of its own, "objects" makes one class of them, label 1, against
        the background, and "objects-border" another one, label 2, of their outermost pixels.
    ignore_label : int, optional
        A label that means "not annotated", such as the 255 around the objects of Pascal VOC.
    trust_labels : bool
        Train on labels as they are, even where they look like objects' numbers, an image, or a mask
        with soft edges.
    iterations : int, optional
        Steps of the optimizer, one image each. Hypercolumns, and with the weights that come with
        the package the other networks, are solved in closed form, at once; 0 leaves them at that.
        Left open, it is 0 where steps then gain nothing, and 100 where they are needed: other
        weights, full mode, strokes held out, patience, images turned.
    learning_rate : float
        How far each step goes: that of the Adam optimizer (α). Less, if the loss jumps up and down.
    backbone_rate : float
        Share of the learning rate that the thirteen convolutions are trained at where their weights
        were learnt before: a few strokes would undo what they know.
    rates : {"fitted", "equal"}
        "fitted" lets class scores start silent on weights that were learnt before, and takes
        smaller steps in layers whose output a step would change most, the wide and the loud ones;
        "equal" lets scores start at random, and takes the same step in all.
    dropout : float
        Fraction of the units of fc6 and fc7 that is left out at random in each step, so that few
        strokes are not learnt by heart; hypercolumns have no such layers.
    loss_reduction : {"mean", "sum"}
        What a step lessens: the mean of the annotated pixels' cross-entropies, or, as the tutorial
        of 2016 does, their sum.
    class_weights : {"balanced", "none"}
        "balanced" lets a class with few strokes count as much as one with many; "none" lets each
        pixel count alike.
    seed : int
        What all that is random follows from (first weights, dropout, the order of images): the same
        number gives the same result on the same computer.
    mode : {"auto", "quick", "full"}
        "quick" leaves the backbone's thirteen convolutions as they are and computes their features
        once for each image, so that a step costs only what is on top of them; "full" trains
        everything. "auto" is quick on a CPU if the backbone's weights were learnt, and full
        otherwise.
    validation_fraction : float
        Share of each class's strokes that is held out: the IoU is measured on them, and nothing
        learnt.
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
    ignore_label: Annotated[int | None, {"label": "Ignore"}] = None
    trust_labels: bool = False
    iterations: Annotated[int | None, {"label": "Iterations", "max": 100_000}, Bounds(0)] = None
    learning_rate: Annotated[
        float,
        {"label": "Learning rate", "min": 1e-7, "max": 1, "step": 1e-4},
        Bounds(0, above=True, below=True),
    ] = 1e-3
    backbone_rate: Annotated[float, Bounds(0, 1, above=True)] = 0.1
    rates: Rates = "fitted"
    dropout: Annotated[
        float, {"label": "Dropout", "max": 0.95, "step": 0.05}, Bounds(0, 1, below=True)
    ] = 0.5
    loss_reduction: Annotated[LossReduction, {"label": "Loss"}] = "mean"
    class_weights: Annotated[ClassWeights, {"label": "Class weights"}] = "balanced"
    seed: Annotated[int, {"label": "Seed", "max": 2**31 - 1}, Bounds(0, 2**32 - 1)] = 0
    mode: Annotated[TrainingMode, {"label": "Mode", "choices": _MODES}] = "auto"
    validation_fraction: Annotated[float, {"label": "Held out", "step": 0.1}, Bounds(0, 0.5)] = 0.0
    patience: Annotated[int, {"label": "Patience", "max": 100_000}, Bounds(0)] = 0
    augment: Annotated[bool, {"label": "Turn and flip"}] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        ignored = self.ignore_label
        require("ignore_label", ignored, ignored is None or type(ignored) is int, "a whole number")

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
class PredictionSettings(Settings):
    """How an image is predicted.

    Parameters
    ----------
    tile_px : int
        Planes with a longer side are predicted in overlapping tiles of at most this side, so that
        memory stays bounded. A multiple of 32; halved where memory is too short for it.
    """

    tile_px: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
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


def _slider(label: str, lowest: float, highest: float) -> dict[str, Any]:
    return {"label": label, "min": lowest, "max": highest, "step": 0.1}


_SIGMA = Bounds(1e-9, 1e9)
# Stronger ones could outweigh what is certain, and make no label another.
_WEIGHT = Bounds(0, 10_000)


@dataclass(frozen=True)
class CRFSettings(Settings):
    """Parameters of the fully connected CRF; the defaults are for strokes on any kind of image.

    Parameters
    ----------
    iterations : int
        How often neighbours are asked anew (steps of the mean field). More than ten seldom change
        anything, and 0 returns the probabilities as they are.
    gaussian_sigma_px : float
        Pixels within which neighbours agree: standard deviation of the smoothness kernel (θγ).
    gaussian_weight : float
        How strongly neighbours agree: weight of the smoothness kernel (w2). Less keeps thin and
        small things.
    bilateral_sigma_px : float
        Pixels across which alike colours agree: spatial standard deviation of the appearance kernel
        (θα).
    bilateral_sigma_intensity : float
        Grey levels, of 255, over which two pixels still count as alike: intensity standard
        deviation of the appearance kernel (θβ). Less follows fainter edges.
    bilateral_weight : float
        How strongly pixels of alike colour agree: weight of the appearance kernel (w1). More
        follows the image further.
    depth_ratio : float
        How much farther both radii reach across slices than within one, where a volume is refined
        as one. 1 is as far, by the image's scale.
    engine : {"builtin", "pydensecrf"}
        "builtin" is our own and needs nothing else; "pydensecrf" is Krähenbühl's C++ code, the
        reference, if it is installed.

    Raises
    ------
    ValueError
        If a value is outside its range; the message names it.

    References
    ----------
    Krähenbühl and Koltun, "Efficient inference in fully connected CRFs with Gaussian edge
    potentials", NIPS 2011, https://doi.org/10.48550/arXiv.1210.5644
    """

    iterations: Annotated[int, {"label": "Iterations", "max": 30}, Bounds(0, 100_000)] = 5
    gaussian_sigma_px: Annotated[float, _slider("Smoothness radius (px)", 0.5, 50), _SIGMA] = 3.0
    gaussian_weight: Annotated[float, _slider("Smoothness strength", 0, 30), _WEIGHT] = 1.0
    bilateral_sigma_px: Annotated[float, _slider("Edge radius (px)", 1, 200), _SIGMA] = 40.0
    bilateral_sigma_intensity: Annotated[
        float, _slider("Edge sensitivity (grey)", 1, 100), _SIGMA
    ] = 5.0
    bilateral_weight: Annotated[float, _slider("Edge strength", 0, 50), _WEIGHT] = 12.0
    depth_ratio: Annotated[float, _slider("Depth of volumes", 0.1, 10), _SIGMA] = 1.0
    engine: Annotated[CRFEngine, {"label": "Engine"}] = "builtin"

    @classmethod
    def paper(cls) -> CRFSettings:
        """Return the settings of the 2016 tutorial's run.

        Their wide kernels join large objects of a coarse network, and thin or crowded things as
        well.
        """
        return cls(
            iterations=5,
            gaussian_sigma_px=10.0,
            gaussian_weight=3.0,
            bilateral_sigma_px=50.0,
            bilateral_sigma_intensity=20.0,
            bilateral_weight=10.0,
        )


@dataclass(frozen=True)
class ComputeSettings(Settings):
    """Where the network runs.

    Parameters
    ----------
    device : str
        "auto" takes the first GPU if there is one; else "cpu", or "gpu:0" to "gpu:7".
    backend : {"tensorflow", "torch", "jax"}
        The library Keras computes with. TensorFlow comes with this package; on Windows only PyTorch
        can use a GPU.
    memory_growth : bool
        Let TensorFlow take GPU memory as it needs it instead of all at once.
    threads : int
        Of the network and the CRF, at most; 0 for as many as there are processors.
    weights_folder : str
        Where weights files are looked for; empty for the user's cache folder.
    interpreter : str
        Path of another Python with Keras and this package for the compute process; empty for
        napari's own.
    """

    device: Annotated[str, {"label": "Device"}] = "auto"
    backend: Annotated[Backend, {"label": "Backend"}] = "tensorflow"
    memory_growth: Annotated[bool, {"label": "Take GPU memory as needed"}] = True
    threads: Annotated[int, {"label": "Threads"}, Bounds(0)] = 0
    weights_folder: Annotated[str, {"label": "Weights folder"}] = ""
    interpreter: Annotated[str, {"label": "Python of the compute process"}] = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        require("device", self.device, self.device in DEVICES, "one of " + ", ".join(DEVICES))
