"""Images, labels and probabilities as files that other programs read and write too."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.atomic_files import expect_file
from napari_fcn_crf.data.label_values import as_label_values
from napari_fcn_crf.data.picture import Picture, as_picture, check_axes
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.data.reading.orientation import HOW, upright
from napari_fcn_crf.data.reading.pictures import read_picture_file
from napari_fcn_crf.data.reading.raster import DECODING, Raster
from napari_fcn_crf.data.reading.tiff import Purpose, is_tiff, read_tiff
from napari_fcn_crf.data.reading.tiff_lazy import is_large_tiff, read_tiff_lazily
from napari_fcn_crf.data.writing import write_tiff
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted

MADE_BY = "napari-fcn-crf"
"""What results say of themselves."""

_RESULT = "result_of"


@dataclass(frozen=True)
class Probabilities:
    """What a probability file holds.

    Parameters
    ----------
    values : array, shape `(n_classes, *spatial)`
    class_values : tuple of int
        Label value of each class; 0, 1, 2 ... if the file does not say.
    """

    values: npt.NDArray[Any]
    class_values: tuple[int, ...]


def read_picture(path: str | Path, axes: str | None = None, *, exif: bool = False) -> Picture:
    """Read a TIFF, PNG, JPEG, BMP, GIF, PNM, WebP or JPEG 2000 file, whatever its name ends in.

    Axes, channels, transparency and the size of pixels are as the file says. Colours are as a
    viewer shows them: of a palette, of inks, of gray of which 0 is white. Of several images in a
    TIFF file, the largest is read; the frames of an animation are along "t". Rows and columns are
    the last axes, but for channels, whatever their order in the file.

    Parameters
    ----------
    path : path
    axes : str, optional
        One letter an axis, such as "zcyx"; it overrules the file.
    exif : bool
        Turn and flip a photograph as its camera noted. Without, it is as stored, which is how
        napari shows it, and a note says so.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file.
    """
    path = _existing(path, "an image")
    raster = _read(path, "an image", exif=exif)
    name = quoted(path.name)
    notes = [f"{name}: {note}." for note in raster.notes]
    if raster.orientation != 1:
        notes.append(
            f"{name} was taken to be shown {HOW[raster.orientation]} (EXIF orientation "
            f"{raster.orientation}), but is used as it is stored, as napari shows it. Choose to "
            "apply EXIF if the labels were drawn on the turned one."
        )
    return _as_picture(raster, axes, path.name, tuple(notes))


def is_large(path: Path) -> bool:
    """Return whether a file is a TIFF image that `open_large_tiff` is for: of more than 2 GiB."""
    return is_large_tiff(path)


def open_large_tiff(path: str | Path, axes: str | None = None) -> Picture:
    """Return the picture of a TIFF file, of which what is asked for is read then.

    Parameters
    ----------
    path : path
    axes : str, optional
        One letter an axis, such as "zcyx"; it overrules the file.

    Raises
    ------
    ValueError
        If it cannot be read so; the message names the file.
    """
    path = _existing(path, "an image")
    raster = read_tiff_lazily(path)
    notes = tuple(f"{quoted(path.name)}: {note}." for note in raster.notes)
    return _as_picture(raster, axes, path.name, notes)


def read_labels(path: str | Path, *, exif: bool = False) -> npt.NDArray[np.integer]:
    """Read a label image: one whole number a pixel, as TIFF or PNG (gray or with a palette).

    Colour images whose channels are all alike are gray ones.

    Raises
    ------
    ValueError
        If it cannot be read, is a colour image, has parts of numbers, or was compressed with loss.
    """
    labels: npt.NDArray[np.integer] = read_label_picture(path, exif=exif).array
    return labels


def read_label_picture(path: str | Path, *, exif: bool = False) -> Picture:
    """Read a label image as `read_labels` does, with its axes, none of which is channels."""
    path = _existing(path, "a label image")
    picture = _as_picture(_read(path, "a label image", exif=exif), None, path.name, ())
    if picture.has_channel_axis:
        channels = picture.channels_last()
        if (channels != channels[..., :1]).any():
            raise InputError(
                f"Labels must be one number a pixel, but {quoted(path.name)} is a colour image, "
                "or one of several channels. Save them as a gray or indexed PNG or a TIFF."
            )
        axes = picture.spatial_axes
        picture = replace(picture, array=channels[..., 0], axes=axes, alpha=False)
    return replace(picture, array=_whole_numbers(picture.array, path))


def read_probabilities(path: str | Path) -> Probabilities:
    """Read class probabilities, the class axis first.

    The axis of channels is that of the classes, the first one if the file has none.

    Raises
    ------
    ValueError
        If it is not a TIFF file with at least three axes.
    """
    path = _existing(path, "a probability image")
    name = quoted(path.name)
    expected = "Expected a TIFF file of probabilities, one plane a class on the first axis, but "
    if not is_tiff(path):
        raise InputError(f"{expected}{name} is none. Choose one that `predict` wrote.")
    raster = read_tiff(path, "a probability image")
    values = raster.array
    if values.ndim < 3:
        raise InputError(
            f"{expected}{name} has the shape {values.shape}. Choose one that `predict` wrote."
        )
    if "c" in raster.axes:
        values = np.moveaxis(values, raster.axes.index("c"), 0)
    class_values = raster.metadata.get("class_values", ())
    if not isinstance(class_values, list) or len(class_values) != len(values):
        class_values = range(len(values))
    if not all(type(value) is int and abs(value) < 2**63 for value in class_values):
        raise InputError(
            f"The labels of the classes in {name} are not whole numbers below 2^63. Choose a file "
            "that `predict` wrote."
        )
    return Probabilities(values, tuple(class_values))


def write_probabilities(
    path: str | Path,
    values: npt.NDArray[np.float32],
    class_values: tuple[int, ...],
    result_of: str = "",
    of: Picture | None = None,
) -> None:
    """Write class probabilities as a float32 TIFF stack, one plane a class.

    Parameters
    ----------
    path : path
    values : array, shape `(n_classes, *spatial)`
    class_values : tuple of int
    result_of : str
        The command that made them, by which `is_result` knows them.
    of : Picture, optional
        What they are of: axes and the size of pixels are kept.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    metadata = {"class_values": list(class_values), **_noted(result_of)}
    write_tiff(path, np.asarray(values, np.float32), metadata, of)


def write_labels(
    path: str | Path,
    labels: npt.NDArray[np.integer],
    result_of: str = "",
    of: Picture | None = None,
) -> None:
    """Write a label image as TIFF.

    Parameters
    ----------
    path : path
    labels : array of int
    result_of : str
        The command that made them, by which `is_result` knows them.
    of : Picture, optional
        What they are of: axes and the size of pixels are kept.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    write_tiff(path, labels, _noted(result_of), of)


def is_result(path: Path) -> bool:
    """Return whether a file says that a command of this package wrote it as its result."""
    import tifffile
    from PIL import Image

    try:
        if not is_tiff(path):
            with Image.open(path, formats=["PNG"]) as file:
                return file.info.get("Software") == MADE_BY
        with tifffile.TiffFile(path) as file:
            said = json.loads(file.pages.first.description)
    except DECODING:
        return False
    return isinstance(said, dict) and said.get("made_by") == MADE_BY and _RESULT in said


def _noted(result_of: str) -> dict[str, Any]:
    return {"made_by": MADE_BY, _RESULT: result_of} if result_of else {}


def _read(path: Path, purpose: Purpose, *, exif: bool) -> Raster:
    raster = read_tiff(path, purpose) if is_tiff(path) else read_picture_file(path, purpose)
    return upright(raster) if exif else raster


def _as_picture(raster: Raster, axes: str | None, name: str, notes: tuple[str, ...]) -> Picture:
    array = raster.array
    try:
        check_axes(raster.axes, array.shape)
        letters, guessed = raster.axes, raster.guessed
    except InputError:
        # Of a line, or of what else the file has no rows and columns.
        letters, guessed = as_picture(array).axes, True
    if guessed and "c" not in letters:
        letters = as_picture(array).axes
    spatial = letters.replace("c", "")
    sizes = [raster.spacing.get(axis, (1.0, "pixel")) for axis in spatial]
    place = Place(np.diag([*(size for size, _ in sizes), 1.0]), tuple(unit for _, unit in sizes))
    picture = Picture(
        array,
        letters,
        name,
        place,
        alpha=raster.alpha,
        notes=notes,
        guessed=guessed,
        orientation=raster.orientation,
    )
    return (picture if axes is None else picture.with_axes(axes)).rows_and_columns_last()


def _whole_numbers(array: npt.NDArray[Any], path: Path) -> npt.NDArray[Any]:
    """Return labels that are stored as floating-point numbers as the whole numbers they are."""
    if array.dtype.kind != "f":
        return array
    values = array.astype(np.float64, copy=False)
    is_whole = (values == np.rint(values)) & (np.abs(values) < 2.0**63)
    if not is_whole.all():
        raise InputError(
            f"Labels must be whole numbers, but {quoted(path.name)} has "
            f"{array[~is_whole][0]} among them. Choose the file of the labels, not one of "
            "probabilities or intensities."
        )
    kind = as_label_values((int(array.min(initial=0)), int(array.max(initial=0)))).dtype
    return array.astype(kind)


def _existing(path: str | Path, kind: str) -> Path:
    path = Path(path)
    expect_file(path, kind)
    return path
