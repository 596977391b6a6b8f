"""Export of results to files of other programs, out of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.label_classes import LabelClasses
from napari_fcn_crf.data.picture import Picture, as_picture
from napari_fcn_crf.data.place import Place
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.results.export.result import Meaning, Result
from napari_fcn_crf.results.export.table import export_for, export_named, write_result

if TYPE_CHECKING:
    from napari_fcn_crf.model.card import ModelCard
    from napari_fcn_crf.pipeline.models import Model

_MICROMETER = 1e-6


def export(
    result: npt.ArrayLike | Picture,
    path: str | Path,
    *,
    kind: str | None = None,
    model: Model | ModelCard | None = None,
    image: Any = None,
    pixel_size_um: float | Sequence[float] | None = None,
    names: Mapping[int, str] | None = None,
    objects: bool = False,
) -> Path:
    """Write labels, objects or probabilities as a file that other programs read.

    Parameters
    ----------
    result : array or Picture
        Whole numbers of the shape of the image, or probabilities `(n_classes, *spatial)`.
    path : path
        Whose ending says what is written: `.ome.tif`, `.ome.zarr`, `.geojson` (QuPath), `.zip`
        (ImageJ's ROIs), `.csv` (objects), `.classes.csv`. What is there is replaced.
    kind : {"ome-tiff", "ome-zarr", "geojson", "imagej-roi", "objects", "classes"}, optional
        The format, whatever the ending.
    model : Model or ModelCard, optional
        Of which names, colours and, for probabilities, label values are taken.
    image : array or Picture, optional
        What it was made of, for intensities in tables; a picture's axes and pixel size are kept.
    pixel_size_um : float or sequence of float, optional
        In micrometres, along rows and columns, or along each axis but time.
    names : mapping, optional
        Of label values, instead of the model's.
    objects : bool
        Whether labels number objects and are no classes.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If there is no such format, or the result cannot be written in it.
    OSError
        If it cannot be written; there is no half of it then.
    """
    path = Path(path)
    chosen = export_for(path) if kind is None else export_named(kind)
    write_result(
        as_result(
            result,
            classes=None if model is None else _classes(model),
            image=image,
            pixel_size_um=pixel_size_um,
            names=names or {},
            objects=objects,
        ),
        path,
        chosen,
    )
    return path


def as_result(
    result: npt.ArrayLike | Picture,
    *,
    classes: LabelClasses | None = None,
    image: Any = None,
    pixel_size_um: float | Sequence[float] | None = None,
    names: Mapping[int, str] | None = None,
    objects: bool = False,
) -> Result:
    """Return a result of what is given, as `export` takes it.

    Raises
    ------
    ValueError
        If that is neither labels nor probabilities.
    """
    array = result.array if isinstance(result, Picture) else np.asarray(result)
    is_probabilities = array.dtype.kind == "f"
    spatial_shape = tuple(array.shape[1:]) if is_probabilities else tuple(array.shape)
    of = None if image is None else as_picture(image, spatial_shape=spatial_shape)
    if isinstance(result, Picture):
        picture = result
    elif of is not None and of.spatial_shape == spatial_shape:
        axes = f"c{of.spatial_axes}" if is_probabilities else of.spatial_axes
        picture = Picture(array, axes, place=of.place)
    else:
        plain = as_picture(np.broadcast_to(0, spatial_shape), spatial_shape=spatial_shape)
        axes = f"c{plain.axes}" if is_probabilities else plain.axes
        picture = Picture(array, axes, place=plain.place)
    if pixel_size_um is not None:
        picture = replace(picture, place=_measured(picture.spatial_axes, pixel_size_um))
    meaning: Meaning = "objects" if objects else "classes"
    if is_probabilities:
        meaning = "probabilities"
        if classes is None:
            values = tuple(range(array.shape[0]))
            classes = LabelClasses(values, tuple(f"class {value}" for value in values))
    elif classes is None and not objects:
        values = tuple(map(int, np.unique(array)))
        classes = LabelClasses(values, ("",) * len(values))
    return Result(picture, named(classes or LabelClasses((), ()), names or {}), meaning, of)


def named(classes: LabelClasses, names: Mapping[int, str]) -> LabelClasses:
    """Return classes with other names; of what is not among them, a new one."""
    known = dict(zip(classes.values, classes.names, strict=True))
    known |= {int(value): str(name) for value, name in names.items()}
    colours = classes.colours if set(known) == set(classes.values) else ()
    values = classes.values if colours else tuple(sorted(known))
    plain = {value: known[value] or f"class {value}" for value in values}
    return LabelClasses(values, tuple(plain[value] for value in values), colours)


def _classes(model: Model | ModelCard) -> LabelClasses:
    from napari_fcn_crf.model.card import ModelCard

    card = model if isinstance(model, ModelCard) else model.card
    return LabelClasses(card.class_values, card.class_names, card.class_colours)


def _measured(axes: str, pixel_size_um: float | Sequence[float]) -> Place:
    measured = [axis for axis in axes if axis != "t"]
    sizes = np.atleast_1d(np.asarray(pixel_size_um, np.float64))
    if sizes.size == 1:
        sizes = np.repeat(sizes, len(measured))
    given = dict(zip(reversed(measured), reversed(sizes.tolist()), strict=False))
    if sizes.size not in (2, len(measured)) or (sizes <= 0).any() or not np.isfinite(sizes).all():
        raise InputError(
            f"Expected the size of pixels along {', '.join(measured)} in micrometres, above 0, but "
            f"found {sizes.tolist()}. Give one number, two, or one for each of these."
        )
    steps = [_MICROMETER * given[axis] if axis in given else 1.0 for axis in axes]
    units = tuple("meter" if axis in given else "pixel" for axis in axes)
    return Place(np.diag([*steps, 1.0]), units)
