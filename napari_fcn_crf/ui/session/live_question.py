"""Question that Live asks: which strokes there are, what is seen, and by which settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels

from napari_fcn_crf.data.images import check_size
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.settings import TrainingSettings
from napari_fcn_crf.ui.session.choices import Choices
from napari_fcn_crf.ui.session.label_meaning import LabelMeaning
from napari_fcn_crf.ui.session.pair_list import PairList
from napari_fcn_crf.ui.session.selection import Selection
from napari_fcn_crf.ui.viewer.axes import layer_array
from napari_fcn_crf.ui.viewer.layer_picture import ShownPlane, check_same_place, shown_plane

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_fcn_crf.live.follower import Asked


@dataclass(frozen=True, eq=False)
class Sent:
    """What was asked, and of which layer and slice."""

    image: Image
    shown: ShownPlane
    asked: Asked


class LiveQuestion:
    """Puts together what is to be segmented now.

    Parameters
    ----------
    viewer : Viewer
    selection : Selection
        Whose image is looked at, with its annotation.
    pairs : PairList
        Whose strokes count as well.
    meaning : LabelMeaning
    choices : Choices
    """

    def __init__(
        self,
        viewer: Viewer,
        selection: Selection,
        pairs: PairList,
        meaning: LabelMeaning,
        choices: Choices,
    ) -> None:
        self._viewer, self._selection, self._pairs = viewer, selection, pairs
        self._meaning, self._choices = meaning, choices
        self._versions: dict[Image, int] = {}

    def count_as_other(self, image: Image) -> None:
        """Take an image for another one from now on: its pixels were changed in place."""
        self._versions[image] = self._versions.get(image, 0) + 1

    def ask(self, *, at_rest: bool) -> Sent:
        """Return what is to be segmented.

        Parameters
        ----------
        at_rest : bool
            Whether the whole slice is asked for, not only what is seen.

        Raises
        ------
        ValueError, TypeError
            If Live can't follow what is shown or chosen.
        """
        from napari_fcn_crf.live.follower import Asked, Painted

        selection = self._selection
        image = selection.require_image()
        picture = selection.picture()
        check_size(picture.spatial_shape)
        shown = shown_plane(self._viewer, image, picture)
        if any(isinstance(at, slice) for at in shown.index[:-2]):
            raise ValueError("Live follows what is seen of rows and columns. Show these two axes.")
        annotation = selection.annotation
        if annotation is not None:
            selection.require_own(annotation, image)
            check_same_place(picture, annotation)
        painted = [Painted(self._key(image, picture), picture, _array(annotation))]
        for other, labels in self._pairs.layers:
            if other is not image:
                theirs = selection.picture(other)
                check_same_place(theirs, labels)
                painted.append(Painted(self._key(other, theirs), theirs, _array(labels)))
        chosen: dict[str, Any] = dict(self._choices.training)
        # Nothing is trained: of these, whatever is set.
        chosen |= {"iterations": 0, "validation_fraction": 0.0}
        settings = TrainingSettings(
            **chosen,
            labels=self._meaning.mode,
            ignore_label=self._meaning.ignore_label,
            trust_labels=True,
        )
        low, high = shown.corners
        asked = Asked(
            tuple(painted),
            tuple(int(at) for at in shown.index[:-2]),  # type: ignore[arg-type]
            ((float(low[0]), float(low[1])), (float(high[0]) + 1, float(high[1]) + 1)),
            settings,
            self._choices.crf,
            at_rest=at_rest,
        )
        return Sent(image, shown, asked)

    def _key(self, image: Image, picture: Picture) -> tuple[object, ...]:
        channels = self._selection.more_channels if image is self._selection.image else ()
        layers = tuple(str(one.unique_id) for one in (image, *channels))
        return (*layers, self._versions.get(image, 0), id(layer_array(image)), picture.axes)


def _array(labels: Labels | None) -> Any:
    return None if labels is None else layer_array(labels)
