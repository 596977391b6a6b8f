"""Where a prediction is unsure, and where one more stroke helps most."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.probabilities import check_probabilities

WINDOW_SIGMA_PX = 12.0
"""Standard deviation of the window in which uncertainty is averaged: about a brush stroke."""


def entropy(probabilities: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return the normalised Shannon entropy of each pixel's class probabilities.

    Parameters
    ----------
    probabilities : array, shape `(n_classes, *spatial)`
        Summing to one over the first axis.

    Returns
    -------
    array of float32, shape `spatial`
        From 0, certain, to 1, all classes alike.

    Raises
    ------
    ValueError
        If there are fewer than two classes, for then nothing is uncertain, or values that are no
        probabilities.

    Notes
    -----
    `-sum_k p_k log p_k / log n_classes`, with `0 log 0 = 0`.

    References
    ----------
    Settles, "Active learning literature survey", 2009, section 3.1 (uncertainty sampling),
    http://digital.library.wisc.edu/1793/60660
    """
    array = np.asarray(probabilities)
    if array.ndim < 2 or len(array) < 2:
        raise ValueError(
            "Uncertainty needs probabilities of at least two classes on the first axis, but the "
            f"shape is {array.shape}. Choose the layer that Predict made."
        )
    return entropy_of(check_probabilities(array))


def entropy_of(array: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return what `entropy` does, of probabilities that were checked; 0 where all of them are 0."""
    total = np.zeros(array.shape[1:], np.float64)
    for plane in array:
        # The tiny floor only keeps the logarithm finite; it is multiplied by zero.
        total -= plane * np.log(np.maximum(plane, np.finfo(np.float32).tiny))
    normalised: npt.NDArray[np.float32] = (total / np.log(len(array))).clip(0, 1).astype(np.float32)
    return normalised


def most_uncertain_position(
    uncertainty: npt.NDArray[np.floating],
    annotated: npt.NDArray[np.bool_] | None = None,
    sigma_px: float = WINDOW_SIGMA_PX,
) -> tuple[int, ...]:
    """Return the centre of the window that is most uncertain on average.

    Parameters
    ----------
    uncertainty : array, shape `spatial`
        From `entropy`. Stacks are searched plane by plane.
    annotated : array of bool, shape `spatial`, optional
        Pixels that already carry a label and hence need none.
    sigma_px : float
        Standard deviation of the Gaussian window over rows and columns.

    Returns
    -------
    tuple of int, one an axis
    """
    from skimage.filters import gaussian

    open_uncertainty = np.where(annotated, 0, uncertainty) if annotated is not None else uncertainty
    sigma = (0.0,) * (uncertainty.ndim - 2) + (sigma_px, sigma_px)
    smooth = gaussian(open_uncertainty, sigma=sigma, mode="constant", preserve_range=True)
    return tuple(map(int, np.unravel_index(smooth.argmax(), smooth.shape)))
