"""GeoJSON with what QuPath reads in it."""

import json
import uuid
from dataclasses import replace

import numpy as np

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.results.export.geojson import write


def test_classes(result, tmp_path):
    write(result.labels(), tmp_path / "a.geojson")
    read = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert read["type"] == "FeatureCollection"
    ring, square, bar = read["features"]
    assert {one["properties"]["objectType"] for one in read["features"]} == {"annotation"}
    assert len({uuid.UUID(one["id"]) for one in read["features"]}) == 3
    assert ring["properties"]["classification"] == {"name": "nucleus", "color": [255, 0, 0]}
    assert bar["properties"]["classification"] == {"name": "µ-stroma", "color": [0, 51, 255]}
    assert ring["geometry"] == {
        "type": "Polygon",
        "coordinates": [
            [[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]],
            [[8, 8], [8, 11], [12, 11], [12, 8], [8, 8]],
        ],
    }
    for one in read["features"]:
        for part in one["geometry"]["coordinates"]:
            assert part[0] == part[-1], "closed"
    assert square["geometry"]["type"] == "Polygon"


def test_objects_in_pieces_and_planes(tmp_path, result):
    stack = np.zeros((2, 10, 10), np.uint8)
    stack[0, :2, :2] = stack[0, 5:, 5:] = 4
    stack[1, 3:5, 3:5] = 9
    of_class = LabelClasses((1,), ("cell",), ((0.0, 1.0, 0.0, 1.0),))
    objects = replace(
        result, picture=Picture(stack, "zyx"), classes=of_class, meaning="objects", image=None
    )
    write(objects, tmp_path / "a.geojson")
    four, nine = json.loads((tmp_path / "a.geojson").read_text())["features"]
    assert four["properties"] == {
        "objectType": "annotation",
        "name": "4",
        "classification": {"name": "cell", "color": [0, 255, 0]},
    }
    assert four["geometry"]["type"] == "MultiPolygon"
    assert len(four["geometry"]["coordinates"]) == 2
    assert four["geometry"]["plane"] == {"c": -1, "z": 0, "t": 0}
    assert nine["geometry"]["plane"] == {"c": -1, "z": 1, "t": 0}
