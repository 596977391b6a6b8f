"""Widths of VGG-16 and of its compact variant."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fcn_crf.settings import Backbone


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


WIDTHS: dict[Backbone, VGGWidths] = {
    "vgg16": VGGWidths(blocks=(64, 128, 256, 512, 512), fc=4096, fc6_kernel=7, largefov_fc=1024),
    "vgg16-compact": VGGWidths(
        blocks=(16, 32, 64, 128, 128), fc=256, fc6_kernel=3, largefov_fc=256
    ),
}
