"""pydensecrf, the reference: Krähenbühl's own C++ code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.crf.unary import LEAST_PROBABILITY

Floats = npt.NDArray[np.float32]


def import_pydensecrf() -> Any:
    """Return pydensecrf's module.

    Raises
    ------
    ImportError
        That says how to install it, and that it is not needed.
    """
    try:
        from pydensecrf import densecrf
    except ImportError as error:
        raise ImportError(
            "The engine 'pydensecrf' needs the package pydensecrf2, which is not installed. "
            "Install it with: pip install pydensecrf2==1.1 (it is compiled on your computer, which "
            "needs a C++ compiler). Or choose the engine 'builtin': it gives the same answers, is "
            "faster, and needs neither."
        ) from error
    return densecrf


def infer(
    features_and_weights: list[tuple[Floats, float]],
    probabilities: Floats,
    iterations: int,
) -> Floats:
    """Return pydensecrf's marginals, shape (classes, pixels).

    Parameters
    ----------
    features_and_weights : list of (float32 array of shape (d, pixels), float)
    probabilities : float32 array, shape (classes, pixels)
        Summing to one.
    iterations : int
    """
    densecrf = import_pydensecrf()
    classes, pixels = probabilities.shape
    crf = densecrf.DenseCRF(pixels, classes)
    unary = -np.log(np.clip(probabilities, LEAST_PROBABILITY, 1))
    crf.setUnaryEnergy(np.ascontiguousarray(unary, np.float32))
    for features, weight in features_and_weights:
        crf.addPairwiseEnergy(np.ascontiguousarray(features), weight)
    return np.array(crf.inference(iterations), np.float32).reshape(classes, pixels)
