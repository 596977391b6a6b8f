"""Scores of coarse levels that are enlarged and added, solved in closed form for all at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_fcn_crf.fcn.batches.patches import Patches
from napari_fcn_crf.fcn.hypercolumns.bilinear_taps import Taps
from napari_fcn_crf.fcn.hypercolumns.standardisation import (
    Floats,
    Masks,
    Report,
    on_grid,
    with_spots,
)
from napari_fcn_crf.fcn.linear.logistic_regression import Linear
from napari_fcn_crf.fcn.linear.moments import Moments, Standard


class EnlargedScores:
    """The linear classifier that enlarged and added scores are: its features, and its solution.

    Parameters
    ----------
    layers : list of keras.layers.Conv2D
        1x1 convolutions, each of a level.
    factors : list of tuple of int
        What the scores of each are enlarged by, in turn.

    Notes
    -----
    With levels `f_l`, scores `W_l f_l + b_l` and bilinear enlargements `U_l`, the logits are
    `sum_l W_l U_l f_l` and a constant: linear in features that are enlarged first. Levels are
    standardised for the solution, which is what their own scores then undo.
    """

    def __init__(self, layers: list[Any], factors: list[tuple[int, ...]]) -> None:
        self._inputs = [layer.input for layer in layers]
        self._factors = factors
        self._standards: list[Standard] = []

    def features(
        self, network: Any, all_patches: list[Patches], chosen: Masks, report: Report
    ) -> Floats:
        """Return the standardised levels at chosen pixels, side by side."""
        moments = [Moments(level.shape[-1]) for level in self._inputs]
        found: list[list[Floats]] = [[] for _ in moments]
        shares: list[list[Floats]] = [[] for _ in moments]
        where = {id(patches): mask for patches, mask in zip(all_patches, chosen, strict=True)}
        for patches, patch, values in with_spots(network, self._inputs, all_patches, report):
            if patches.is_typical:
                for moment, value, factors in zip(moments, values, self._factors, strict=True):
                    part = on_grid(patches.typical(patch), int(np.prod(factors)))
                    moment.add(value[part])
            if id(patches) not in where:
                continue
            rows, columns = np.nonzero(where[id(patches)][patch])
            for level, (value, factors) in enumerate(zip(values, self._factors, strict=True)):
                taps = Taps.through(rows, columns, value.shape[:2], factors)
                found[level].append(taps.apply(value))
                shares[level].append(taps.shares.sum(axis=1, keepdims=True))
        self._standards = [
            moment.standard(np.ones(level.shape[-1], np.float32), 0.0)
            for moment, level in zip(moments, self._inputs, strict=True)
        ]
        # Near borders the mean, being part of a level's bias, is enlarged to less than itself.
        standardised = [
            (np.concatenate(level) - np.concatenate(share) * standard.mean) * standard.factor
            for level, share, standard in zip(found, shares, self._standards, strict=True)
        ]
        return np.concatenate(standardised, axis=1)

    def of_layers(self, solved: Linear) -> list[Linear]:
        """Return the scores of each level of a solution for all; the first has the intercepts."""
        parts, start = [], 0
        for standard in self._standards:
            end = start + len(standard.mean)
            intercepts = solved.intercepts if start == 0 else np.zeros_like(solved.intercepts)
            parts.append(standard.folded(Linear(solved.coefficients[start:end], intercepts), 1.0))
            start = end
        return parts
