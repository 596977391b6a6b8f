"""Arrangement of layers after each button: their order, which are visible, which is selected.

`AFTER` is the law; CONTRIBUTING shows it as a table, and `tests/ui/test_screen.py` looks at the
pixels. What a person chose for a layer is left alone: opacity, contours, colours, and that their
own labels are hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_fcn_crf.ui.viewer.ownership import is_ours, our_metadata

if TYPE_CHECKING:
    from napari.viewer import Viewer

ANNOTATION = "annotation"

RESULTS = (
    "probabilities",
    "predicted",
    "refined",
    "cleaned",
    "instances",
    "uncertainty",
    "changed",
)
"""What is made of an image, from just above the images upwards."""

LIVE = "live"
"""Labels that follow the brush."""

ORDER = (*RESULTS, LIVE, "preview", ANNOTATION, "place")
"""Everything above the images, up to the top: strokes are seen on whatever they correct."""

Step = Literal[
    "new labels",
    "training",
    "train",
    "predict",
    "refine",
    "preview",
    "live",
    "before",
    "after",
    "changes",
    "uncertainty",
    "most uncertain",
    "clean up",
    "split",
]


@dataclass(frozen=True)
class Arrangement:
    """What a step leaves on the screen.

    Parameters
    ----------
    shows, hides : tuple of str
        Kinds of layers; others stay as they are.
    selects : str, optional
        The kind of the layer that is selected; None leaves the selection.
    takes_brush : bool
        Whether the next drag of the mouse is a stroke.
    """

    shows: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()
    selects: str | None = ANNOTATION
    takes_brush: bool = False


def _only(*kinds: str, selects: str | None = ANNOTATION) -> Arrangement:
    hidden = tuple(kind for kind in (*RESULTS, LIVE) if kind not in kinds)
    return Arrangement(kinds, hidden, selects)


AFTER: Mapping[Step, Arrangement] = MappingProxyType(
    {
        "new labels": Arrangement((ANNOTATION,), takes_brush=True),
        "training": _only("preview", selects=None),
        "train": _only(),
        "predict": _only("predicted"),
        "refine": _only("refined"),
        "preview": _only("preview", selects=None),
        "live": _only(LIVE),
        "before": _only("predicted", selects=None),
        "after": _only("refined", selects=None),
        "changes": Arrangement(("changed",), selects=None),
        "uncertainty": _only("uncertainty"),
        "most uncertain": Arrangement((ANNOTATION, "place"), takes_brush=True),
        "clean up": _only("cleaned", selects="cleaned"),
        "split": _only("instances", selects="instances"),
    }
)
"""After each button, and while a preview is shown."""


def arrange(
    viewer: Viewer,
    image: Image,
    annotation: Labels | None,
    step: Step,
    shown: Sequence[Layer] = (),
    channels: Sequence[Layer] = (),
    *,
    is_mask: bool = False,
) -> None:
    """Leave on the screen what a step leaves there.

    Parameters
    ----------
    viewer : Viewer
    image : Image
        What the step was about.
    annotation : Labels, optional
        The labels to paint on.
    step : Step
    shown : sequence of Layer, optional
        What the step has made, of the kinds that it shows.
    channels : sequence of Layer, optional
        Further images that belong to this one.
    is_mask : bool
        Whether the annotation covers the image: it is hidden then where a result is shown, for it
        would lie on it, but for one of which only outlines are shown.
    """
    wanted = AFTER[step]
    if annotation is not None and annotation not in viewer.layers:
        annotation = None
    on_top = list(shown)
    if annotation is not None:
        if ANNOTATION in wanted.shows:
            on_top.append(annotation)
        elif is_mask and shown and not annotation.contour:
            _set_visible(annotation, False)
    for layer in list(viewer.layers):
        if layer.visible and layer not in (image, *channels, *on_top):
            is_of_step = _is_of(layer, image) and _kind(layer) in (*wanted.shows, *wanted.hides)
            if is_of_step or (shown and _is_in_the_way(viewer, layer, image)):
                _set_visible(layer, False)
    _put_in_order(viewer, image, annotation)
    for layer in on_top:
        _set_visible(layer, True)
    if wanted.selects is not None:
        chosen: Layer | None = annotation if wanted.selects == ANNOTATION else None
        results = (layer for layer in shown if _kind(layer) in RESULTS)
        chosen = chosen or next(results, None)
        if chosen is not None:
            viewer.layers.selection.active = chosen
    if wanted.takes_brush and annotation is not None:
        annotation.mode = "paint"


def index_of_new(viewer: Viewer, image: Image, kind: str) -> int:
    """Return where a new layer of a kind goes: on all images and on what lies below its kind."""
    if ORDER.index(kind) > ORDER.index(ANNOTATION):
        return len(viewer.layers)
    below = ORDER[: ORDER.index(kind)]
    index = 0
    for at, layer in enumerate(viewer.layers):
        is_lower = _is_of(layer, image) and _kind(layer) in below
        if is_lower or (isinstance(layer, Image) and not our_metadata(layer)):
            index = at + 1
    return index


def _is_of(layer: Layer, image: Image) -> bool:
    return is_ours(layer) and our_metadata(layer)["image_id"] == str(image.unique_id)


def _kind(layer: Layer) -> str:
    return str(our_metadata(layer).get("kind", ""))


def _is_in_the_way(viewer: Viewer, layer: Layer, image: Image) -> bool:
    """Return whether a layer would be taken for what was asked for: of another image, or that."""
    if _is_of(layer, image) or not lie_on_each_other(layer, image):
        return False
    if is_ours(layer):
        return True
    return (
        isinstance(layer, Image)
        and not our_metadata(layer)
        and image in viewer.layers
        and viewer.layers.index(layer) > viewer.layers.index(image)
        and layer.opacity == 1
        and str(layer.blending) in ("opaque", "translucent", "translucent_no_depth")
    )


def lie_on_each_other(one: Layer, other: Layer) -> bool:
    """Return whether what is seen of two layers overlaps."""
    ours, theirs = one.extent.world, other.extent.world
    common = min(ours.shape[1], theirs.shape[1])
    low = np.maximum(ours[0, -common:], theirs[0, -common:])
    high = np.minimum(ours[1, -common:], theirs[1, -common:])
    return bool((low <= high).all())


def _put_in_order(viewer: Viewer, image: Image, annotation: Labels | None) -> None:
    """Move layers only where their order is another: the canvas sorts everything anew each time."""
    ranked: list[tuple[int, int, Layer]] = []
    for at, layer in enumerate(viewer.layers):
        if layer is annotation:
            ranked.append((ORDER.index(ANNOTATION), at, layer))
        elif _is_of(layer, image):
            ranked.append((ORDER.index(_kind(layer)), at, layer))
    wanted = [layer for _, _, layer in sorted(ranked, key=lambda one: one[:2])]
    present = [layer for _, _, layer in ranked]
    lowest = min((at for _, at, _ in ranked), default=0)
    if wanted == present and (image not in viewer.layers or viewer.layers.index(image) < lowest):
        return
    for layer in wanted:
        viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))


def _set_visible(layer: Layer, visible: bool) -> None:
    if layer.visible != visible:  # napari draws anew even what is seen already
        layer.visible = visible
