"""What the OME-XML inside a TIFF file may make its reader do."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from napari_fcn_crf.atomic_files import why_no_file
from napari_fcn_crf.data.reading.limits import check_text
from napari_fcn_crf.data.reading.raster import ToldError
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

_MOST_PLANES = 10**6
_MOST_DESCRIPTION_BYTES = 64 * 2**20


def outer_description(path: Path, xml: str) -> str | None:
    """Return the OME-XML of a TIFF file that says it is in another file, or None.

    Parameters
    ----------
    path : Path
        Of the TIFF file.
    xml : str
        Its own.

    Raises
    ------
    ValueError
        If that file is not beside it, or is a TIFF file of the same set.
    """
    try:
        elements = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None
    for element in elements:
        name = element.attrib.get("MetadataFile", "")
        if element.tag.rpartition("}")[2] != "BinaryOnly" or not name:
            continue
        _check_companion(path, name)
        companion = path.with_name(name)
        if companion.suffix.lower() in (".tif", ".tiff"):
            raise ToldError(
                f"{quoted(path.name)} is a part of an image that is described in {quoted(name)} "
                "beside it. Choose that file."
            )
        with companion.open("rb") as file:
            text = file.read(_MOST_DESCRIPTION_BYTES + 1)
        if len(text) > _MOST_DESCRIPTION_BYTES:
            raise InputError("a description of more than any image")
        check_text(text)
        return text.decode(errors="replace")
    return None


def check_ome(path: Path, xml: str) -> None:
    """Refuse an OME-TIFF that reads files outside of its folder, or asks for endless planes.

    Parameters
    ----------
    path : Path
        Of the TIFF file.
    xml : str
        Its OME-XML.

    Raises
    ------
    ToldError
        If it names a file that is not beside it.
    ValueError
        If its numbers are none, or none that an image has.
    """
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        # Nobody follows what cannot be read.
        return
    own = root.attrib.get("UUID")
    for element in root.iter():
        kind, attributes = element.tag.rpartition("}")[2], element.attrib
        # A file that was renamed knows itself by its identifier.
        if kind == "UUID" and "FileName" in attributes and (own is None or element.text != own):
            _check_companion(path, attributes["FileName"])
        elif kind == "Pixels":
            _check_planes(math.prod(_number(attributes, f"Size{axis}") for axis in "ZCT"))
        elif kind == "TiffData":
            for name in ("IFD", "NumPlanes", "PlaneCount", "FirstZ", "FirstC", "FirstT"):
                _check_planes(_number(attributes, name))
        elif kind.startswith("Along"):
            start, end, step = (float(attributes.get(name, 1)) for name in ("Start", "End", "Step"))
            _check_planes(abs((end - start) / step))


def _check_companion(path: Path, name: str) -> None:
    if name.lower() == path.name.lower():
        return
    # As every operating system understands it.
    is_plain = not set(name) & set("/\\:\0") and name not in ("", ".", "..")
    if not is_plain or why_no_file(path.with_name(name)):
        raise ToldError(
            f"{quoted(path.name)} is a part of an image with {quoted(name)}, which is no file "
            "beside it. Put its parts into one folder, or convert it to one TIFF file."
        )


def _number(attributes: Mapping[str, str], name: str) -> int:
    return int(attributes.get(name, 1))


def _check_planes(count: float) -> None:
    if not 0 <= count <= _MOST_PLANES:
        raise InputError(f"{count} planes")
