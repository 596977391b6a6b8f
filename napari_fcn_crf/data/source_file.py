"""Source file of an image that another program has read: what it says that this program dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from napari_fcn_crf.data.reading.orientation import HOW, SWAPPED
from napari_fcn_crf.data.reading.stored import StoredForm, stored_form
from napari_fcn_crf.quoting import quoted

_KEPT_FILES = 64


@dataclass(frozen=True)
class SourceFile:
    """A file, and the form in which its image is stored.

    Parameters
    ----------
    path : Path
    form : StoredForm
    """

    path: Path
    form: StoredForm

    def axes_of(self, shape: Sequence[int]) -> str:
        """Return the axes, in our letters, of an array that was read from the file as it is.

        Parameters
        ----------
        shape : sequence of int
            With or without its channels; axes of a single plane may be missing.

        Returns
        -------
        str
            Empty if the file does not say, or if such an array is not what is stored.
        """
        if self.form.guessed or not self.form.axes:
            return ""
        shape = tuple(shape)
        sizes = list(zip(self.form.axes, self.form.shape, strict=True))
        for kept in (sizes, [pair for pair in sizes if pair[1] > 1 or pair[0] in "yx"]):
            for found in (kept, [pair for pair in kept if pair[0] != "c"]):
                if tuple(size for _, size in found) == shape:
                    return "".join(axis for axis, _ in found)
        return ""

    def is_alpha_last(self, shape: Sequence[int]) -> bool | None:
        """Return whether the last channel of an array is transparency; None if it is not told."""
        axes = self.axes_of(shape)
        return self.form.alpha if axes and "c" in axes else None

    def volume_spacing(self, axes: str) -> tuple[float, ...] | None:
        """Return the size of pixels along some axes, in metres; None if the file does not say."""
        known = [self.form.spacing.get(axis, (0.0, "")) for axis in axes]
        is_known = all(unit == "meter" for _, unit in known)
        return tuple(size for size, _ in known) if is_known else None

    @property
    def is_turned(self) -> bool:
        """Whether rows would be columns if it stood upright."""
        return self.form.orientation in SWAPPED

    def differences(self, shape: Sequence[int], bits: int) -> tuple[str, ...]:
        """Return in sentences how an array that was read from the file is not what it means.

        Parameters
        ----------
        shape : sequence of int
        bits : int
            Of the array's numbers.
        """
        form, name = self.form, quoted(self.path.name, 40)
        if tuple(shape) != form.shape:
            return ()
        found = []
        # What matters first: the dock has room for a line.
        if form.orientation != 1:
            found.append(
                f"Shown as stored, not {HOW[form.orientation]} as its camera noted (EXIF "
                f"orientation {form.orientation} of {name}). Labels that were drawn on the upright "
                "one do not fit it."
            )
        if form.needs:
            found.append(f"Shown as stored: {form.needs}, in {name}.")
        if form.bits > bits:
            found.append(f"Only {bits} of {form.bits} bits were read of {name}.")
        if not form.is_largest:
            found.append(f"The first of {form.n_images} images in {name}; another is larger.")
        return tuple(found)


def source_file(path: str | None) -> SourceFile | None:
    """Return what the file says that an image was read from; None if there is none to read.

    It is read once, as long as it stays the same.
    """
    if not path:
        return None
    try:
        file = Path(path)
        found = file.stat()
    except (OSError, ValueError):
        return None
    if not file.is_file():
        return None
    form = _form(file, found.st_mtime_ns, found.st_size)
    return None if form is None else SourceFile(file, form)


@lru_cache(_KEPT_FILES)
def _form(path: Path, changed_ns: int, size: int) -> StoredForm | None:
    return stored_form(path)
