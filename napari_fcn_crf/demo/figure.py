"""The figure that the demo writes: five panels from the image to its refined labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_PANEL_WIDTH_IN = 3.6
_TITLE_IN = 0.4
_GAP_IN = 0.1
_DPI = 110


def draw(
    image: npt.NDArray[Any],
    annotation: npt.NDArray[Any],
    probability: npt.NDArray[np.float32],
    predicted: npt.NDArray[np.integer],
    refined: npt.NDArray[np.integer],
) -> Figure:
    """Return a figure of image, annotation, probability, argmax and refined labels, in a row.

    Parameters
    ----------
    image : array of uint8, shape `(rows, columns, 3)`
    annotation, predicted, refined : arrays of int, shape `(rows, columns)`
        0 is the background.
    probability : array of float32, shape `(rows, columns)`
        Of what is not background, in [0, 1].
    """
    rows, columns = annotation.shape
    height = _PANEL_WIDTH_IN * rows / columns
    titles = ("image", "annotation", "probability", "most probable class", "refined by the CRF")
    width = len(titles) * (_PANEL_WIDTH_IN + _GAP_IN) + _GAP_IN
    figure = Figure((width, height + _TITLE_IN + _GAP_IN), dpi=_DPI)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        1,
        len(titles),
        left=_GAP_IN / width,
        right=1 - _GAP_IN / width,
        bottom=_GAP_IN / (height + _TITLE_IN + _GAP_IN),
        top=1 - _TITLE_IN / (height + _TITLE_IN + _GAP_IN),
        wspace=_GAP_IN / _PANEL_WIDTH_IN,
    )
    axes = [figure.add_subplot(grid[0, column]) for column in range(len(titles))]
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title)
        axis.set_axis_off()
    axes[0].imshow(image)
    axes[2].imshow(probability, vmin=0, vmax=1, cmap="viridis")
    for axis, labels in zip(
        (axes[1], axes[3], axes[4]), (annotation, predicted, refined), strict=True
    ):
        _overlay(axis, image, labels)
    return figure


def _overlay(axis: Axes, image: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    """Draw the image, darker where it is background, with the outline of the rest."""
    dimmed = image.copy()
    dimmed[labels == 0] //= 3
    axis.imshow(dimmed)
    axis.contour(labels != 0, levels=[0.5], colors=["#ffd000"], linewidths=1.2)
