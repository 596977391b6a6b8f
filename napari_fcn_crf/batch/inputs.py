"""Images of a batch: where each is, what its results are called, and whether it changed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.batch.recipe import Recipe
from napari_fcn_crf.data.file_names import image_name
from napari_fcn_crf.input_error import InputError


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
        """Return a file's state, or None if there is none."""
        try:
            found = path.stat()
        except (OSError, ValueError):
            return None
        return cls(found.st_size, found.st_mtime_ns)


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
    """

    path: Path
    name: str
    labels: Path
    probabilities: Path | None = None

    @property
    def outputs(self) -> tuple[Path, ...]:
        """All that is written."""
        return (self.labels,) if self.probabilities is None else (self.labels, self.probabilities)

    def state(self) -> FileState | None:
        """Return the input's state now, or None if it is not there."""
        return FileState.of(self.path)

    def written(self) -> dict[str, int]:
        """Return the sizes of what is there of its results, by name."""
        states = {path.name: FileState.of(path) for path in self.outputs}
        return {name: state.size for name, state in states.items() if state is not None}


def items_of(paths: Sequence[Path], folder: Path, recipe: Recipe) -> list[Item]:
    """Return what is to be done, in the order of the names.

    Parameters
    ----------
    paths : sequence of Path
        The same one twice counts once.
    folder : Path
        Of the results.
    recipe : Recipe

    Raises
    ------
    ValueError
        If two images have the same name.
    """
    seen: dict[str, Path] = {}
    items = []
    for path in dict.fromkeys(Path(os.path.abspath(path)) for path in paths):  # noqa: PTH100
        name = image_name(path)
        # As systems see it that do not tell capitals from small letters.
        other = seen.setdefault(name.casefold(), path)
        if other != path:
            raise InputError(
                f"The results are named after the images, but {other} and {path} have the same "
                "name. Give them another --output each."
            )
        stem = f"{name}_{'predicted' if recipe.crf is None else 'refined'}"
        probabilities = folder / f"{stem}_probabilities.tif" if recipe.probabilities else None
        items.append(Item(path, name, folder / f"{stem}.tif", probabilities))
    return sorted(items, key=lambda item: (item.name, str(item.path)))
