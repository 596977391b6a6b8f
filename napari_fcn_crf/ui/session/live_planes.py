"""Planes that Live has labels of, each whole and of the strokes there are now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_fcn_crf.ui.session.live_question import Sent

if TYPE_CHECKING:
    from napari_fcn_crf.live.follower import Followed


@dataclass(frozen=True, eq=False)
class Whole:
    """What there is when following ends: the labels of whole planes, before and after the CRF.

    Parameters
    ----------
    image : Image
    before, after : array of int
        In the image's shape; 0 in planes that nobody looked at since the last stroke.
    class_values : tuple of int
    is_all : bool
        Whether they are of all planes.
    settings : dict
        By which they were made.
    """

    image: Image
    before: np.ndarray
    after: np.ndarray
    class_values: tuple[int, ...]
    is_all: bool
    settings: dict[str, Any]


class LivePlanes:
    """Keeps the labels of one image's planes, by index."""

    def __init__(self) -> None:
        self._planes: dict[tuple[int, ...], Followed] = {}

    def __contains__(self, index: tuple[int, ...]) -> bool:
        return index in self._planes

    def keep(self, followed: Followed) -> None:
        """Keep the labels of a plane, if they are of all of it."""
        if followed.is_whole:
            # Without what is large and not needed any more.
            nothing = np.zeros((0, 0, 0), np.float32)
            self._planes[followed.asked.index] = replace(
                followed, probabilities=nothing, marginals=nothing
            )

    def clear(self) -> None:
        """Forget them: there are other strokes."""
        self._planes.clear()

    def whole(self, sent: Sent) -> Whole | None:
        """Return the labels of all planes that are kept of what was asked for; None if none are."""
        if not self._planes:
            return None
        shape = sent.shown.shape
        one = next(iter(self._planes.values()))
        before, after = np.zeros((2, *shape), one.labels.dtype)
        for index, followed in self._planes.items():
            before[index], after[index] = followed.before, followed.labels
        asked = one.asked
        settings = {"training": asked.settings.to_dict(), "crf": asked.crf.to_dict()}
        is_all = len(self._planes) == int(np.prod(shape[:-2], dtype=int))
        return Whole(sent.image, before, after, one.class_values, is_all, settings)
