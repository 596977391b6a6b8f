"""Pyramid of a zarr image, as viewers show it: all its levels, lazily, channels first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_fcn_crf.data.image_files import open_large_tiff
from napari_fcn_crf.data.ome_zarr.reading import own_words, read_ome_zarr
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.data.reading.raster import DECODING
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_COLOURS = 3
_SIDE_PX = 1024


@dataclass(frozen=True)
class Pyramid:
    """Levels of one image, the largest first.

    Parameters
    ----------
    levels : tuple of dask.array.Array
        With channels, if there are several, as the first axis; as the last one if they are colours.
    spatial_axes : str
        The axes other than channels.
    is_rgb : bool
        Whether the channels are red, green and blue.
    is_channels_first : bool
        Whether the first axis is channels.
    """

    levels: tuple[Any, ...]
    spatial_axes: str
    is_rgb: bool = False
    is_channels_first: bool = False

    @property
    def is_multiscale(self) -> bool:
        """Whether there are several levels."""
        return len(self.levels) > 1

    @property
    def data(self) -> Any:
        """What a layer is made of: all levels, or the only one, of which napari wants no list."""
        return list(self.levels) if self.is_multiscale else self.levels[0]

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Size along the axes other than channels."""
        shape = tuple(map(int, self.levels[0].shape))
        return shape[self.is_channels_first : len(shape) - self.is_rgb]


def _chunks(picture: Picture) -> tuple[int, ...]:
    sides = {"y": _SIDE_PX, "x": _SIDE_PX, "c": -1}
    return tuple(sides.get(axis, 1) for axis in picture.axes)


def read_pyramid(path: Path) -> Pyramid:
    """Return all levels of an OME-Zarr image, or the one of a zarr array or of a TIFF file.

    Raises
    ------
    ValueError
        If they cannot be read; the message names the image.
    """
    import dask.array as da
    import zarr

    is_file = path.is_file()
    picture = open_large_tiff(path) if is_file else read_ome_zarr(path)
    levels = [picture.array]
    try:
        node = None if is_file else zarr.open(str(path), mode="r")
        if isinstance(node, zarr.Group):
            datasets = own_words(node)["multiscales"][0]["datasets"]
            levels = [node[dataset["path"]] for dataset in datasets]
    except DECODING as error:
        raise InputError(
            f"The levels of the pyramid of {quoted(path.name)} cannot be read. It may be damaged "
            f"({quoted(f'{type(error).__name__}: {error}', 120)})."
        ) from error
    from_array: Any = da.from_array
    lazy = [
        from_array(level, chunks=getattr(level, "chunks", _chunks(picture))) for level in levels
    ]
    if not picture.has_channel_axis:
        return Pyramid(tuple(lazy), picture.spatial_axes)
    at = picture.axes.index("c")
    is_rgb = picture.channels == _COLOURS and picture.array.dtype == np.uint8
    lazy = [da.moveaxis(level, at, -1 if is_rgb else 0) for level in lazy]
    if picture.channels == 1:
        return Pyramid(tuple(level[0] for level in lazy), picture.spatial_axes)
    return Pyramid(tuple(lazy), picture.spatial_axes, is_rgb, is_channels_first=not is_rgb)
