"""Images of a batch: where each is, what its results are called, and whether it changed."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.data.file_names import IMAGE_SUFFIXES, files_in, image_name, result_name
from napari_fcn_crf.data.image_files import is_large
from napari_fcn_crf.data.image_folder import image_files_in, without_results
from napari_fcn_crf.data.ome_zarr.reading import images_inside, is_zarr, labels_folder
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.results.export.table import export_named

_PATHS = ("path", "labels", "probabilities", "objects", "table")
"""Fields of an item."""


@dataclass(frozen=True)
class FileState:
    """By what a change of an input is noticed.

    Parameters
    ----------
    size : int
        In bytes.
    changed_ns : int
        When it was last written, in nanoseconds.
    """

    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """Return a file's state, or that of all files of a zarr folder; None if there is none.

        What is kept in such a folder besides the image, labels and results, does not count.
        """
        try:
            found = path.stat()
            if not path.is_dir():
                return cls(found.st_size, found.st_mtime_ns)
            states = [
                (one.st_size, one.st_mtime_ns)
                for folder, names, files in os.walk(path)
                if not _leave_out_labels(names)
                for one in (os.stat(os.path.join(folder, name)) for name in files)  # noqa: PTH116, PTH118
            ]
        except (OSError, ValueError):
            return None
        return cls(sum(size for size, _ in states), max((at for _, at in states), default=0))


@dataclass(frozen=True)
class Item:
    """One image of a batch.

    Parameters
    ----------
    path : Path
    name : str
        What its results are named after.
    labels : Path
        Where its labels go.
    probabilities : Path, optional
        Where its probabilities go, if they are written.
    is_large : bool
        Whether it is segmented block by block: a zarr folder, or a large TIFF file.
    exports : tuple of Path
        Where its labels go in each of the recipe's formats, and behind these its objects.
    objects, table : Path, optional
        Where its numbered objects go, and the table of them, if they are wanted.
    """

    path: Path
    name: str
    labels: Path
    probabilities: Path | None = None
    is_large: bool = False
    exports: tuple[Path, ...] = ()
    objects: Path | None = None
    table: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, from which `from_dict` makes the same."""
        paths = {
            name: None if path is None else str(path)
            for name, path in vars(self).items()
            if name in _PATHS
        }
        exports = list(map(str, self.exports))
        return {**paths, "name": self.name, "is_large": self.is_large, "exports": exports}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Item:
        """Return what `to_dict` was made of."""
        paths = {name: values[name] and Path(values[name]) for name in _PATHS}
        return cls(**values | paths | {"exports": tuple(map(Path, values["exports"]))})

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All that is written."""
        others = (self.probabilities, self.objects, self.table)
        return (self.labels, *(path for path in others if path is not None), *self.exports)

    @property
    def is_in_image(self) -> bool:
        """Whether its labels go into the image's own folder."""
        return self.labels.parent == labels_folder(self.path)

    def state(self) -> FileState | None:
        """Return the input's state now, or None if it is not there."""
        return FileState.of(self.path)

    def written(self) -> dict[str, int]:
        """Return the sizes of what is there of its results, by name."""
        states = {path.name: FileState.of(path) for path in self.outputs}
        # A folder's size says nothing.
        return {
            name: 0 if self.is_large else state.size
            for name, state in states.items()
            if state is not None
        }


def images_of(folder: Path) -> list[Path]:
    """Return the images in a folder, results of earlier runs left out; a zarr folder is one.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not folder.is_dir():
        raise InputError(f"Expected a folder of images, but there is none at {folder}. Choose one.")
    if is_zarr(folder):
        return [folder]
    stores = zarr_images_in(folder)
    if stores and not files_in(folder, IMAGE_SUFFIXES):
        return stores
    return [*stores, *without_results(image_files_in(folder))]


def zarr_images_in(folder: Path) -> list[Path]:
    """Return the zarr folders in a folder, but for those named as results of images there."""
    stores = sorted(filter(is_zarr, folder.iterdir()))
    return [
        one
        for one in stores
        if not result_name(one) or not any(folder.glob(f"{glob.escape(result_name(one))}.*"))
    ]


def items_of(
    paths: Sequence[Path], folder: Path, recipe: Recipe, *, into_images: bool = False
) -> list[Item]:
    """Return what is to be done, in the order of the names.

    Parameters
    ----------
    paths : sequence of Path
        The same one twice counts once.
    folder : Path
        Of the results.
    recipe : Recipe
    into_images : bool
        Whether labels of OME-Zarr images go into these.

    Raises
    ------
    ValueError
        If two images have the same name.
    """
    seen: dict[str, Path] = {}
    items = []
    # Others may work in another folder.
    folder = Path(os.path.abspath(folder))  # noqa: PTH100
    for path in dict.fromkeys(Path(os.path.abspath(path)) for path in paths):  # noqa: PTH100
        inside = images_inside(path) if is_zarr(path) else {"": path}
        for end, image in inside.items():
            item = _item(image, f"{image_name(path)}{end}", folder, recipe, into_images)
            # As systems see it that do not tell capitals from small letters.
            other = seen.setdefault(item.name.casefold(), image)
            if other != image:
                raise InputError(
                    f"The results are named after the images, but {other} and {image} have the "
                    "same name. Give them another --output each."
                )
            items.append(item)
    return sorted(items, key=lambda item: (item.name, str(item.path)))


def _item(path: Path, name: str, folder: Path, recipe: Recipe, into_images: bool) -> Item:
    kind = "predicted" if recipe.crf is None else "refined"
    stem, objects = f"{name}_{kind}", recipe.objects is not None
    table = folder / f"{stem}_objects.csv" if objects else None
    if into_images and path.is_dir():
        labels = labels_folder(path)
        numbered = labels / f"{kind}_objects" if objects else None
        return Item(path, name, labels / kind, None, True, objects=numbered, table=table)
    large = path.is_dir() or is_large(path)
    ending = ".zarr" if large else ".tif"
    exports = [
        folder / f"{of}{export_named(one).suffixes[0]}"
        for of, formats in (
            (stem, dict.fromkeys(recipe.exports)),
            (f"{stem}_objects", recipe.object_exports),
        )
        for one in formats
    ]
    return Item(
        path,
        name,
        folder / f"{stem}{ending}",
        folder / f"{stem}_probabilities{ending}" if recipe.probabilities else None,
        large,
        tuple(exports),
        folder / f"{stem}_objects{ending}" if objects else None,
        table,
    )


def _leave_out_labels(names: list[str]) -> bool:
    names[:] = [name for name in names if name != "labels"]
    return False
