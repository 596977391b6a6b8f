"""What is made of all classes of a pixel, computed where it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


def lazily_of_classes(
    array: Any,
    function: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    dtype: npt.DTypeLike,
) -> Any:
    """Return a lazy array of what a function makes of the classes of each pixel.

    Parameters
    ----------
    array : array, shape `(n_classes, *spatial)`
        Of dask, zarr or numpy. It may still be written to: nothing of it is kept.
    function : callable
        Takes a region `(n_classes, *spatial)` and returns numbers `spatial`, pixel by pixel.
    dtype : dtype
        Of these.

    Returns
    -------
    dask array, shape `spatial`
    """
    import dask.array as da

    from_array: Any = da.from_array
    lazy = array if isinstance(array, da.Array) else from_array(array, name=False)
    lazy = lazy.rechunk({0: -1})
    meta = np.empty((0,) * (lazy.ndim - 1), dtype)
    return lazy.map_blocks(function, dtype=dtype, drop_axis=0, meta=meta)
