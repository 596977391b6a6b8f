"""Show the result of one of many images: its layers if they are open, else those of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from napari.layers import Image, Labels

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.data.image_files import read_label_picture, read_picture
from napari_fcn_crf.data.ome_zarr.pyramid import Pyramid, read_pyramid
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.ui.session.image_table import Row
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.arrangement import Step
from napari_fcn_crf.ui.viewer.layer_picture import picture_of
from napari_fcn_crf.ui.viewer.layers import is_source_image, layers_where
from napari_fcn_crf.ui.viewer.ownership import (
    Made,
    earlier_results,
    image_of,
    is_current,
    is_ours,
    our_metadata,
)
from napari_fcn_crf.ui.viewer.picture_layer import add_picture, add_pyramid
from napari_fcn_crf.ui.viewer.result_layers import (
    ClassLook,
    add_lazy_result,
    add_result,
    look_of_card,
)

_STEPS: dict[str, Step] = {
    "predicted": "predict",
    "refined": "refine",
    "cleaned": "clean up",
    "instances": "split",
}
_FILE = "file"


@dataclass(frozen=True)
class _Plain:
    """An image, its labels and maybe its objects, read whole."""

    image: Picture
    labels: Picture
    objects: Picture | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.spatial_shape


@dataclass(frozen=True)
class _Lazy:
    """An image, its labels and maybe its objects, of which what is seen will be read."""

    image: Pyramid
    labels: Pyramid
    objects: Pyramid | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.image.spatial_shape


def show_result(session: Session, row: Row) -> None:
    """Show what was made of an image, and choose that image.

    Raises
    ------
    ValueError
        If its result is open no more.
    """
    key = row.key
    if isinstance(key, Image):
        _show_open(session, key)
    elif isinstance(key, Item):
        _open_files(session, key)


def _show_open(session: Session, image: Image) -> None:
    sources = earlier_results(session.viewer, image, "probabilities")
    for kind in reversed(_STEPS):
        found = earlier_results(session.viewer, image, kind)
        if found and is_current(found[0]):
            _choose(session, image)
            session.selection.choose_sources(tuple(sources[:1]))
            refined = session.many.refined(image)
            if refined is not None and refined.refined in session.viewer.layers:
                session.results.keep_refined(refined)
            session.screen.arrange(image, _STEPS[kind], found[0])
            return
    raise ValueError(f"The results of '{image.name}' were closed. Press Predict again.")


def _open_files(session: Session, item: Item) -> None:
    shown = _shown(session, item.objects or item.labels)
    if shown is not None:
        image, layer = shown
        _choose(session, image)
        kind = _kind(item) if item.objects is None else "instances"
        session.screen.arrange(image, _STEPS[kind], layer)
        return

    def read() -> _Plain | _Lazy:
        if item.is_large:
            numbered = None if item.objects is None else read_pyramid(item.objects)
            return _Lazy(read_pyramid(item.path), read_pyramid(item.labels), numbered)
        labels = read_label_picture(item.labels)
        image = as_picture(read_picture(item.path), spatial_shape=labels.spatial_shape)
        objects = None if item.objects is None else read_label_picture(item.objects)
        return _Plain(image, labels, objects)

    session.opener.open(f"Opening {item.path.name}", read, lambda found: _add(session, item, found))


def _add(session: Session, item: Item, found: _Plain | _Lazy) -> None:
    viewer, card = session.viewer, session.many.card
    look = None if card is None else look_of_card(card)
    if card is not None:
        names = zip(card.class_values, card.class_names, strict=True)
        session.class_names.suggest(names)
    image = _open_image(session, item.path, found.shape)
    if image is None:
        if isinstance(found, _Lazy):
            image = add_pyramid(viewer, found.image, item.name)
        else:
            image = add_picture(viewer, found.image, item.name)
    kind = _kind(item)
    layer = _labels_layer(session, image, found.labels, item.labels, kind, look)
    if found.objects is not None and item.objects is not None:
        kind = "instances"
        layer = _labels_layer(session, image, found.objects, item.objects, kind, None)
    image.metadata.setdefault(_FILE, str(item.path))
    _choose(session, image)
    session.screen.arrange(image, _STEPS[kind], layer)


def _labels_layer(
    session: Session,
    image: Image,
    found: Picture | Pyramid,
    path: Path,
    kind: str,
    look: ClassLook | None,
) -> Labels:
    """Return the layer that shows the labels of a file, or a new one."""
    viewer, record, shown = session.viewer, {_FILE: str(path)}, _shown(session, path)
    if shown is not None and shown[0] is image:
        return shown[1]
    if isinstance(found, Pyramid):
        return add_lazy_result(viewer, image, found, kind, look, record)
    labels = np.asarray(found.array).reshape(picture_of(image).spatial_shape)
    made = Made.of(labels, earlier_results(viewer, image, kind))
    return add_result(viewer, image, made, kind, look, record)


def _choose(session: Session, image: Image) -> None:
    session.selection.choose_image(image)
    session.viewer.layers.selection.active = image


def _kind(item: Item) -> str:
    return "predicted" if item.labels.stem.endswith("predicted") else "refined"


def _open_image(session: Session, path: Path, shape: tuple[int, ...]) -> Image | None:
    """Return the layer in which an image is open already, in its whole shape."""
    for layer in layers_where(session.viewer, is_source_image):
        of = layer.metadata.get(_FILE) or layer.source.path
        if of is not None and Path(of).absolute() == path and _has_shape(layer, shape):
            return layer
    return None


def _has_shape(layer: Image, shape: tuple[int, ...]) -> bool:
    try:
        return picture_of(layer).spatial_shape == shape
    except ValueError:
        return False


def _shown(session: Session, labels: Path) -> tuple[Image, Labels] | None:
    """Return the layers in which labels of a file are shown already, as they were read."""
    for layer in layers_where(session.viewer, is_ours):
        record = our_metadata(layer).get("record", {})
        image = image_of(session.viewer, layer)
        if isinstance(layer, Labels) and record.get(_FILE) == str(labels) and image is not None:
            return image, layer
    return None
