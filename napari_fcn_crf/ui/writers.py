"""Writers of napari's File > Save: each of the export formats, for one layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import napari
from napari.layers import Image, Labels

from napari_fcn_crf.results.export.table import export_named, named_like, write_result
from napari_fcn_crf.ui.viewer.layer_result import result_of


def write_ome_tiff(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write labels or probabilities as OME-TIFF."""
    return _write("ome-tiff", path, data, attributes)


def write_ome_zarr(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write labels or probabilities as OME-Zarr."""
    return _write("ome-zarr", path, data, attributes)


def write_geojson(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write the outlines of labels for QuPath."""
    return _write("geojson", path, data, attributes)


def write_imagej_roi(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write the outlines of labels for ImageJ."""
    return _write("imagej-roi", path, data, attributes)


def write_objects(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a table of objects."""
    return _write("objects", path, data, attributes)


def write_classes(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write a table of classes."""
    return _write("classes", path, data, attributes)


def _write(kind: str, path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write what napari hands over: a layer's data, and what another one is made of.

    Raises
    ------
    RuntimeError
        If it holds nothing that is exported; the message says what is.
    """
    export = export_named(kind)
    target = named_like(Path(path), export)
    known = dict(attributes)
    layer = Image(data, **known) if "contrast_limits" in known else Labels(data, **known)
    try:
        write_result(result_of(layer, napari.current_viewer()), target, export)
    except ValueError as error:
        # Which napari would take for a plugin that cannot write such files, and say only that.
        raise RuntimeError(str(error)) from error
    return [str(target)]
