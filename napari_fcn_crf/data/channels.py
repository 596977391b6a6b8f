"""Channels of a picture: several arrays as one, and one of an array, none of them read before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.picture import by
from napari_fcn_crf.input_error import InputError


class ChannelStack:
    """Several arrays of one shape as the channels of one, put together when it is computed.

    Parameters
    ----------
    channels : sequence of arrays, each `spatial`

    Raises
    ------
    ValueError
        If their shapes differ.
    """

    def __init__(self, channels: Sequence[Any]) -> None:
        shapes = {tuple(channel.shape) for channel in channels}
        if len(shapes) != 1:
            raise InputError(
                "Channels must have the same shape, but there are "
                f"{' and '.join(by(shape) for shape in sorted(shapes))}. Choose layers of one "
                "image."
            )
        self._channels = tuple(channels)
        self.shape = (*shapes.pop(), len(channels))
        self.ndim = len(self.shape)
        self.dtype = np.result_type(*(channel.dtype for channel in channels))

    def __getitem__(self, key: tuple[Any, ...]) -> npt.NDArray[Any]:
        """Read a part, chosen along all axes; all channels with `slice(None)`."""
        *spatial, channels = key
        found = [np.asarray(channel[tuple(spatial)]) for channel in self._channels]
        return np.stack(found, axis=-1)[..., channels]

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[Any]:
        stacked = np.stack([np.asarray(channel) for channel in self._channels], axis=-1)
        return stacked if dtype is None else stacked.astype(dtype)


class ChannelView:
    """One channel of an array that is read when its pixels are asked for.

    Parameters
    ----------
    array : array
    axis : int
        Of the channels.
    channel : int
    """

    def __init__(self, array: Any, axis: int, channel: int) -> None:
        self._array = array
        self._index: tuple[Any, ...] = (*(slice(None),) * axis, channel)
        self.shape = (*array.shape[:axis], *array.shape[axis + 1 :])
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.dtype = array.dtype

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:
        keys = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys[at : at + 1] = [slice(None)] * (self.ndim - len(keys) + 1)
        keys += [slice(None)] * (self.ndim - len(keys))
        axis = len(self._index) - 1
        part: npt.NDArray[Any] = np.asarray(
            self._array[(*keys[:axis], self._index[-1], *keys[axis:])]
        )
        return part

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[Any]:
        return np.asarray(self._array[self._index], dtype)
