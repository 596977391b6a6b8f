"""Many images: which are to be predicted, what else is done with them, and the table of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_fcn_crf.data.objects import BORDER
from napari_fcn_crf.model.card import ModelCard
from napari_fcn_crf.ui.session.image_table import ImageTable
from napari_fcn_crf.ui.session.lifetime import follow
from napari_fcn_crf.ui.session.results import Refined
from napari_fcn_crf.ui.session.user_memory import UserMemory

if TYPE_CHECKING:
    from napari.viewer import Viewer

Extent = Literal["image", "slice", "open", "folder"]

_NAME = "many"


@dataclass(frozen=True)
class ManyChoice:
    """What Predict predicts, and what is done with each of several images.

    Parameters
    ----------
    extent : {"image", "slice", "open", "folder"}
        The chosen image, its slice on the screen, all that are open, or those in a folder.
    folder : str
        With the images.
    results : str
        Folder that they go into; empty puts them beside the images.
    refines : bool
        Whether the predictions are refined.
    minimum_px : int
        Regions of fewer pixels go to their neighbours; 0 leaves all.
    exports : list of str
        Names of formats that labels of files are written in besides.
    splits : bool
        Whether the objects of a class are numbered.
    objects_of : int
        Label of that class, see `ManyImages.objects_in`.
    """

    extent: Extent = "image"
    folder: str = ""
    results: str = ""
    refines: bool = True
    minimum_px: int = 0
    exports: list[str] = field(default_factory=list)
    splits: bool = False
    objects_of: int = 0


class ManyImages(QObject):
    """What is chosen for many images, the same in all docks, and in the next napari.

    Attributes
    ----------
    changed : Signal
        Something else was chosen.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer, memory: UserMemory, parent: QObject) -> None:
        super().__init__(parent)
        follow(viewer.layers.events.removed, self._on_layer_removed)
        self._memory = memory
        # Whatever was chosen last, a click on Predict in a new window predicts what is seen.
        self._choice = replace(_usable(memory.recall(_NAME)), extent="image")
        self.table: Final = ImageTable(self)
        self._card: ModelCard | None = None
        self._refined: dict[Image, Refined] = {}

    @property
    def choice(self) -> ManyChoice:
        """What is chosen."""
        return self._choice

    @property
    def card(self) -> ModelCard | None:
        """Of the model that the images in the table are predicted with."""
        return self._card

    def objects_in(self, card: ModelCard) -> int | None:
        """Return the label of the class whose objects are numbered; None if none are.

        Of a model without the class that was chosen it is the first that is no background.
        """
        offered = classes_of_objects(card)
        if not self._choice.splits or not offered:
            return None
        chosen = self._choice.objects_of
        return chosen if chosen in offered else offered[0]

    def begin(self, card: ModelCard) -> None:
        """Empty the table, for images that are predicted with a model."""
        self._card = card
        self._refined.clear()
        self.table.show([])

    def keep_refined(self, refined: Refined) -> None:
        """Keep the refinement of one of the open images, to be compared when it is chosen."""
        self._refined[refined.image] = refined

    def refined(self, image: Image) -> Refined | None:
        """Return the refinement of one of the open images."""
        return self._refined.get(image)

    def choose(self, **changes: Any) -> None:
        """Choose something else."""
        chosen = replace(self._choice, **changes)
        if chosen != self._choice:
            self._choice = chosen
            self._memory.keep(_NAME, asdict(chosen))
            self.changed.emit()

    def _on_layer_removed(self, event: Any) -> None:
        if isinstance(event.value, Image):
            self._refined.pop(event.value, None)
            self.table.let_go(event.value)


def classes_of_objects(card: ModelCard) -> tuple[int, ...]:
    """Return the labels of the classes that objects can be of: no background, and no borders."""
    has_borders = card.training.labels == "objects-border"
    return tuple(
        value
        for value, name in zip(card.class_values, card.class_names, strict=True)
        if value != 0 and name.lower() != "background" and not (has_borders and value == BORDER)
    )


def _usable(kept: dict[str, Any]) -> ManyChoice:
    """Return what was kept, but for what is of another kind than it must be."""
    plain = ManyChoice()
    usable = {
        name: kept[name]
        for name, value in asdict(plain).items()
        if type(kept.get(name)) is type(value)
    }
    if usable.get("extent", "image") not in get_args(Extent) or usable.get("minimum_px", 0) < 0:
        return plain
    return replace(plain, **usable)
