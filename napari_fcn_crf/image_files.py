"""Images, labels and probabilities as files that other programs read and write too."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.files import atomic_path

_TIFF = (".tif", ".tiff")
_LOSSY = (".jpg", ".jpeg")

# What the decoders of damaged files have been seen to raise.
_DECODING = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


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


def read_image(path: str | Path) -> npt.NDArray[Any]:
    """Read a TIFF, a PNG, a JPEG or anything else that Pillow reads.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file.
    """
    return _read(_existing(path, "an image"), "an image", palette_as_colour=True)


def read_labels(path: str | Path) -> npt.NDArray[np.integer]:
    """Read a label image: one whole number a pixel, as TIFF or PNG (gray or with a palette).

    Colour images whose channels are all alike are gray ones.

    Raises
    ------
    ValueError
        If it cannot be read, is a colour image, or was compressed with loss.
    """
    path = _existing(path, "a label image")
    if path.suffix.lower() in _LOSSY:
        raise ValueError(
            f"Labels must be exact, but {path.name} is a JPEG, which changes the values. "
            "Save them as PNG or TIFF."
        )
    labels = _read(path, "a label image", palette_as_colour=False)
    if labels.ndim == 3 and labels.shape[-1] in (3, 4):
        if (labels[..., :3] == labels[..., :1]).all():
            return labels[..., 0]
        raise ValueError(
            f"Labels must be one number a pixel, but {path.name} is a colour image. "
            "Save them as a gray or indexed PNG or a TIFF."
        )
    return labels


def read_probabilities(path: str | Path) -> Probabilities:
    """Read class probabilities, the class axis first.

    Raises
    ------
    ValueError
        If it is not a TIFF file with at least three axes.
    """
    path = _existing(path, "a probability image")
    expected = "Expected a TIFF file of probabilities, one plane a class on the first axis, but "
    if path.suffix.lower() not in _TIFF:
        raise ValueError(f"{expected}{path.name} is none. Choose one that `predict` wrote.")
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            values = file.asarray()
            metadata = (file.shaped_metadata or ({},))[0]
    except _DECODING as error:
        raise _unreadable(path, "a probability image") from error
    if values.ndim < 3:
        raise ValueError(
            f"{expected}{path.name} has the shape {values.shape}. Choose one that `predict` wrote."
        )
    class_values = tuple(int(value) for value in metadata.get("class_values", ()))
    if len(class_values) != len(values):
        class_values = tuple(range(len(values)))
    return Probabilities(values, class_values)


def write_probabilities(
    path: str | Path, values: npt.NDArray[np.float32], class_values: tuple[int, ...]
) -> None:
    """Write class probabilities as a float32 TIFF stack, one plane a class.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    metadata = {"class_values": list(class_values)}
    _write_tiff(path, np.asarray(values, np.float32), metadata)


def write_labels(path: str | Path, labels: npt.NDArray[np.integer]) -> None:
    """Write a label image as TIFF.

    Raises
    ------
    OSError
        If it cannot be written; there is no half of it then.
    """
    _write_tiff(path, labels, {})


def _write_tiff(path: str | Path, array: npt.NDArray[Any], metadata: dict[str, Any]) -> None:
    import tifffile

    with atomic_path(path) as temporary:
        # Said outright, or three planes would be taken for red, green and blue.
        tifffile.imwrite(
            temporary, array, photometric="minisblack", compression="zlib", metadata=metadata
        )


def _read(path: Path, kind: str, palette_as_colour: bool) -> npt.NDArray[Any]:
    """Read a file; a palette's indices are what labels are stored as, and images are not."""
    import tifffile
    from PIL import Image

    try:
        if path.suffix.lower() in _TIFF:
            return np.asarray(tifffile.imread(path))
        with Image.open(path) as file:
            has_palette = file.mode in ("P", "PA")
            return np.asarray(file.convert("RGB") if has_palette and palette_as_colour else file)
    except (*_DECODING, Image.DecompressionBombError) as error:
        raise _unreadable(path, kind) from error


def _existing(path: str | Path, kind: str) -> Path:
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"Expected {kind}, but {path} is a folder. Choose a file.")
    if not path.exists():
        raise ValueError(f"Expected {kind}, but there is no file {path}.")
    return path


def _unreadable(path: Path, kind: str) -> ValueError:
    return ValueError(
        f"Expected {kind}, but {path.name} cannot be read as one. It may be damaged, or of a kind "
        "that must be converted to TIFF or PNG first."
    )
