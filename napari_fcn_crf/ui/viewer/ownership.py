"""Ownership of layers: which are ours, of which image, and whether they may be replaced."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

METADATA_KEY = "napari_fcn_crf"


def our_metadata(layer: Layer) -> dict[str, Any]:
    """Return what this plugin noted on a layer it made; empty for other layers."""
    noted: dict[str, object] = layer.metadata.get(METADATA_KEY, {})
    return noted


def claim(layer: Layer, image: Image | None, noted: dict[str, object]) -> None:
    """Note on a layer that it is ours, of an image, and what else there is to say.

    Names change hands and a copy of a layer has all of its metadata. napari's id of a layer is not
    copied, and is another one each time a layer is made: a copy, or a layer of a saved session, is
    nobody's but the user's.
    """
    layer.metadata[METADATA_KEY] = noted | {
        "layer_id": str(layer.unique_id),
        "image_id": None if image is None else str(image.unique_id),
        "layer_name": layer.name,
    }


_PAINTED_FOR = "napari_fcn_crf_painted_for"


def note_painted_for(labels: Layer, image: Image) -> None:
    """Note on the user's labels which image they are painted on."""
    labels.metadata[_PAINTED_FOR] = {
        "layer_id": str(labels.unique_id),
        "image_id": str(image.unique_id),
    }


def was_made_to_paint_on(labels: Layer) -> bool:
    """Return whether a layer was made, empty, for strokes on an image."""
    noted: dict[str, str] = labels.metadata.get(_PAINTED_FOR, {})
    return noted.get("layer_id") == str(labels.unique_id)


def belongs_to(viewer: Viewer, layer: Layer, image: Image) -> Image | None:
    """Return the image that a layer was made of or painted for, if that is another open one.

    A layer of which nobody noted that belongs to no image; only its place tells.
    """
    for noted in (our_metadata(layer), layer.metadata.get(_PAINTED_FOR, {})):
        if noted.get("layer_id") == str(layer.unique_id):
            for other in viewer.layers:
                if isinstance(other, Image) and str(other.unique_id) == noted["image_id"]:
                    return None if other is image else other
    return None


def image_of(viewer: Viewer, layer: Layer) -> Image | None:
    """Return the open image that a result of ours was made of."""
    for other in viewer.layers:
        if isinstance(other, Image) and str(other.unique_id) == our_metadata(layer)["image_id"]:
            return other
    return None


def insert_claimed(
    viewer: Viewer, index: int, layer: Layer, image: Image | None, noted: dict[str, object]
) -> None:
    """Add a layer of ours to the viewer."""
    # Before, so that it is not taken for an image or labels of the user's; and after, with the
    # name that the viewer gives it.
    claim(layer, image, noted)
    viewer.layers.insert(index, layer)
    claim(layer, image, noted)


def is_ours(layer: Layer) -> bool:
    """Whether this plugin made a layer, in this session, and it is no copy of it."""
    return our_metadata(layer).get("layer_id") == str(layer.unique_id)


def earlier_results(viewer: Viewer, image: Image, kind: str) -> list[Layer]:
    """Return what was made of an image, but for what the user has painted on or renamed."""
    return [
        layer
        for layer in viewer.layers
        if is_ours(layer)
        and our_metadata(layer)["kind"] == kind
        and our_metadata(layer)["image_id"] == str(image.unique_id)
        and our_metadata(layer)["layer_name"] == layer.name
        and not our_metadata(layer).get("painted")
    ]


def note_earlier(
    viewer: Viewer, kinds: Collection[str], why: str, image: Image | None = None
) -> None:
    """Say in the names of results that they are not of the latest model or prediction any more.

    Parameters
    ----------
    viewer : Viewer
    kinds : collection of str
        Of results.
    why : str
        What is said in brackets.
    image : Image, optional
        Of this image alone.
    """
    for layer in list(viewer.layers):
        noted = our_metadata(layer)
        if not is_ours(layer) or noted["kind"] not in kinds:
            continue
        if image is not None and noted["image_id"] != str(image.unique_id):
            continue
        if noted["layer_name"] == layer.name and not noted.get("painted"):
            plain = noted.setdefault("plain_name", layer.name)
            layer.name = f"{plain} ({why})"
            noted["layer_name"] = layer.name
        noted["earlier"] = why


def is_current(layer: Layer) -> bool:
    """Whether a layer is not a result of an earlier model or prediction."""
    return not is_ours(layer) or not our_metadata(layer).get("earlier")


@dataclass(frozen=True)
class Made:
    """An array that becomes a layer, made in a thread: reading large layers takes its time.

    Parameters
    ----------
    array : array
    checksum : int
        By which a later edit by a script is known.
    replaceable : tuple of Layer
        Earlier results that still hold what they were made with.
    """

    array: np.ndarray
    checksum: int
    replaceable: tuple[Layer, ...]

    @classmethod
    def of(cls, array: np.ndarray, earlier: Sequence[Layer]) -> Made:
        """Find which of some earlier results, in the viewer, were not edited since."""
        return cls(
            array,
            _checksum(array),
            tuple(
                layer
                for layer in earlier
                if our_metadata(layer).get("checksum") is not None
                and our_metadata(layer)["checksum"] == _checksum(layer.data)
            ),
        )


def note_strokes(layer: Layer) -> None:
    """Note from now on whether the user paints on a layer."""
    layer.events.paint.connect(_on_painted)


def _on_painted(event: Event) -> None:
    our_metadata(event.source)["painted"] = True


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)
