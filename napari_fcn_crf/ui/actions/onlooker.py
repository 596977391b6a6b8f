"""Where somebody looks, for work that begins there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image

from napari_fcn_crf.batch.unfinished_blocks import View
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.ui.viewer.growing_layers import seen_plane

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Onlooker:
    """Where somebody looks; asked on the main thread, told in any.

    Parameters
    ----------
    viewer : Viewer
    image : Image
    picture : Picture
    """

    def __init__(self, viewer: Viewer, image: Image, picture: Picture) -> None:
        self._viewer, self._image, self._picture = viewer, image, picture
        self._seen: View | None = None
        self.look()

    def look(self) -> None:
        """Note what is on the screen now."""
        if self._image in self._viewer.layers:
            seen = seen_plane(self._viewer, self._image, self._picture)
            self._seen = self._seen if seen is None else View(*seen)

    def seen(self) -> View | None:
        """Return what was on the screen when it was looked at last."""
        return self._seen

    def index(self) -> tuple[int, ...]:
        """Return the index of the slice that was on the screen.

        Raises
        ------
        ValueError
            If it was none of rows and columns.
        """
        if self._seen is None:
            raise ValueError(
                f"There is no single slice of '{self._picture.name}' on the screen. Show rows and "
                "columns in 2-D, or choose all slices."
            )
        return self._seen.index
