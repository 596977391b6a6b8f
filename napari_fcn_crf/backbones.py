"""Backbones, VGG-16 and its compact variant: names and widths of their layers, and titles."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fcn_crf.settings import Backbone

CONVOLUTIONS = tuple(
    f"block{block}_conv{index}"
    for block, count in enumerate((2, 2, 3, 3, 3), start=1)
    for index in range(1, count + 1)
)
"""Keras' names of the thirteen convolutions, which are also ours."""

FULLY_CONNECTED = ("fc6", "fc7")


@dataclass(frozen=True)
class VGGWidths:
    """Filters of each block of VGG-16 and of its fully connected layers.

    Parameters
    ----------
    blocks : tuple of int
        Filters of the convolutions in each of the five blocks.
    fc : int
        Filters of fc6 and fc7.
    fc6_kernel : int
        Side of fc6's kernel.
    largefov_fc : int
        Filters of fc6 and fc7 in the atrous network, whose fc6 is always 3x3.
    """

    blocks: tuple[int, int, int, int, int]
    fc: int
    fc6_kernel: int
    largefov_fc: int


@dataclass(frozen=True)
class VGGVariant:
    """VGG-16 at one width.

    Parameters
    ----------
    title : str
        As shown to the user.
    tip : str
        A sentence on when to choose it.
    widths : VGGWidths
    """

    title: str
    tip: str
    widths: VGGWidths


BACKBONES: dict[Backbone, VGGVariant] = {
    "vgg16-compact": VGGVariant(
        title="VGG-16 compact",
        tip="The same layers at a quarter of the width: quick on any computer.",
        widths=VGGWidths(blocks=(16, 32, 64, 128, 128), fc=256, fc6_kernel=3, largefov_fc=256),
    ),
    "vgg16": VGGVariant(
        title="VGG-16",
        tip="134 million weights; load ImageNet weights for it. Slow without a GPU.",
        widths=VGGWidths(blocks=(64, 128, 256, 512, 512), fc=4096, fc6_kernel=7, largefov_fc=1024),
    ),
}
"""Dock, command line and messages offer and name them by this table, in its order."""
