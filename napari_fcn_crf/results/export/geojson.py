"""GeoJSON: outlines of objects as QuPath reads and writes annotations."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.results.export.export import LABELS, Export
from napari_fcn_crf.results.export.outlines import Outlined, Polygon, outlines_of
from napari_fcn_crf.results.export.result import Result

_NAMESPACE = uuid.UUID("2b0e3a52-6d0f-4c56-9f0e-6a1c2f9a7d11")
"""Of objects' ids, which are the same each time the same labels are written."""


def write(result: Result, path: Path) -> None:
    """Write one annotation an object, in pixels, along the edges of its pixels."""
    features = [_feature(result, outlined) for outlined in outlines_of(result)]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _feature(result: Result, outlined: Outlined) -> dict[str, Any]:
    properties: dict[str, Any] = {"objectType": "annotation"}
    value: int | None = outlined.value
    if result.meaning == "objects":
        properties["name"] = str(outlined.number)
        value = next(iter(result.classes.values), None)
    if value is not None:
        classification: dict[str, Any] = {"name": result.classes.name_of(value)}
        colour = result.classes.colour_of(value)
        if colour is not None:
            classification["color"] = list(colour)
        properties["classification"] = classification
    return {
        "type": "Feature",
        "id": str(uuid.uuid5(_NAMESPACE, f"{outlined.index}/{outlined.number}")),
        "geometry": _geometry(result, outlined),
        "properties": properties,
    }


def _geometry(result: Result, outlined: Outlined) -> dict[str, Any]:
    polygons = [_closed(polygon) for polygon in outlined.polygons]
    geometry: dict[str, Any] = {"type": "MultiPolygon", "coordinates": polygons}
    if len(polygons) == 1:
        geometry = {"type": "Polygon", "coordinates": polygons[0]}
    if outlined.index:
        at = dict(zip(result.picture.spatial_axes, outlined.index, strict=False))
        # QuPath's own entry; any channel.
        geometry["plane"] = {"c": -1, "z": at.get("z", 0), "t": at.get("t", 0)}
    return geometry


def _closed(polygon: Polygon) -> list[list[list[int]]]:
    return [[*ring.tolist(), ring[0].tolist()] for ring in polygon]


EXPORT = Export(
    name="geojson",
    title="Outlines for QuPath (GeoJSON)",
    tip="One annotation an object, with its class; drop the file on QuPath.",
    suffixes=(".geojson",),
    takes=LABELS,
    write=write,
)
