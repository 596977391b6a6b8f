"""OME-TIFF: labels or probabilities with the size of pixels, and names and colours of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.results.export.export import LABELS, Export
from napari_fcn_crf.results.export.result import Result

_OME_AXES = "tzyx"
_CENTIMETERS = 100.0
_PALETTE = 256


def write(result: Result, path: Path) -> None:
    """Write an OME-TIFF file.

    ImageJ reads it as well: the resolution is in its place, and labels below 256 have a palette.
    """
    import tifffile

    array = np.asarray(result.picture.array)
    axes = _axes(result.picture.spatial_axes)
    metadata: dict[str, Any] = {"axes": axes.upper(), "Name": path.name.split(".")[0]}
    metadata |= _sizes(result, axes)
    palette: npt.NDArray[np.uint16] | None = None
    if result.meaning == "probabilities":
        metadata["axes"] = "C" + metadata["axes"]
        metadata["Channel"] = _channels(result)
        array = array.astype(np.float32, copy=False)
    else:
        metadata["Channel"] = {"Name": ["labels" if result.meaning == "classes" else "objects"]}
        palette = _palette(result, array)
    if said := _classes(result):
        metadata["MapAnnotation"] = said
    measured = all(result.sizes()[axis][1] == "meter" for axis in "yx")
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            array,
            ome=True,
            photometric="minisblack" if palette is None else "palette",
            colormap=palette,
            compression="zlib",
            metadata=metadata,
            resolution=_per_centimeter(result) if measured else None,
            resolutionunit="CENTIMETER" if measured else None,
        )


def _axes(spatial_axes: str) -> str:
    """Return the axes as OME has them: others are planes or frames, whichever are free."""
    free = [axis for axis in "zt" if axis not in spatial_axes]
    others = [axis for axis in spatial_axes if axis not in _OME_AXES]
    if len(others) > len(free):
        raise InputError(
            f"OME-TIFF has planes and frames, but the axes are {spatial_axes!r}. Choose OME-Zarr."
        )
    renamed = dict(zip(others, free, strict=False))
    return "".join(renamed.get(axis, axis) for axis in spatial_axes)


def _sizes(result: Result, axes: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for axis, (size, unit) in zip(axes, result.sizes().values(), strict=True):
        if axis in "zyx" and unit == "meter":
            said[f"PhysicalSize{axis.upper()}"] = float(f"{size * 1e6:.12g}")
            said[f"PhysicalSize{axis.upper()}Unit"] = "µm"
        elif axis == "t" and unit == "second":
            said |= {"TimeIncrement": size, "TimeIncrementUnit": "s"}
    return said


def _per_centimeter(result: Result) -> tuple[float, float]:
    sizes = result.sizes()
    return 1 / (_CENTIMETERS * sizes["x"][0]), 1 / (_CENTIMETERS * sizes["y"][0])


def _channels(result: Result) -> dict[str, Any]:
    classes = result.classes
    said: dict[str, Any] = {"Name": [classes.name_of(value) for value in classes.values]}
    colours = [classes.colour_of(value) for value in classes.values]
    known = [colour for colour in colours if colour is not None]
    if known and len(known) == len(colours):
        # Red, green, blue and opacity, as the bytes of a number that has a sign.
        packed = np.array([[*colour, 255] for colour in known], np.uint8).view(">i4")
        said["Color"] = packed.ravel().tolist()
    return said


def _classes(result: Result) -> dict[str, str]:
    """Return names and colours by label value: in a channel there is place for one of them."""
    said: dict[str, str] = {}
    for value in result.classes.values:
        said[f"class {value}"] = result.classes.name_of(value)
        colour = result.classes.colour_of(value)
        if colour is not None:
            said[f"colour {value}"] = "#{:02x}{:02x}{:02x}".format(*colour)
    return said


def _palette(result: Result, labels: npt.NDArray[Any]) -> npt.NDArray[np.uint16] | None:
    """Return the colours `(3, 256)` of labels of 8 bits, which alone have a palette, or None."""
    if labels.dtype != np.uint8:
        return None
    palette = np.zeros((_PALETTE, 3), np.uint8)
    if result.meaning == "objects":
        palette = _distinct()
    else:
        known = {value: result.classes.colour_of(value) for value in result.classes.values}
        if not any(known.values()):
            palette = _distinct()
        for value, colour in known.items():
            if colour is not None:
                palette[value] = colour
    return np.ascontiguousarray(palette.T.astype(np.uint16) * 257)


def _distinct() -> npt.NDArray[np.uint8]:
    """Return 256 colours of which neighbours differ: black, then hues a golden angle apart."""
    from skimage.color import hsv2rgb

    hues = np.arange(_PALETTE) * 0.61803398875 % 1
    colours = hsv2rgb(np.stack([hues, np.full(_PALETTE, 0.8), np.ones(_PALETTE)], axis=-1))
    palette: npt.NDArray[np.uint8] = np.round(255 * colours).astype(np.uint8)
    palette[0] = 0
    return palette


EXPORT = Export(
    name="ome-tiff",
    title="OME-TIFF",
    tip="Labels or probabilities for Fiji, QuPath, ilastik, OMERO.",
    suffixes=(".ome.tif", ".ome.tiff"),
    takes=LABELS | {"probabilities"},
    write=write,
)
