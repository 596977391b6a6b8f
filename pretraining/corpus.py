"""Real images with masks of regions, of the sets whose licences let weights be shipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from pretraining.episodes import N_CLASSES, VOID
from pretraining.scenes import Classes, Image

SHARES = {
    "bsds500": 0.38,
    "clothing_ccp": 0.20,
    "emps_em_particles": 0.16,
    "dsb2018": 0.14,
    "suim_sample": 0.06,
    "usiigaci_phase": 0.06,
}
"""How often each set is drawn from: several repeat themselves, so not by the number of images."""

_SMALLEST_REGION = 0.01
_LARGEST_SCALE = 1.6
_ATTEMPTS = 20

Labels = npt.NDArray[np.uint8]


class Corpus:
    """A folder of `<set>/<id>.jpg`, each with the mask `<id>.png`.

    Parameters
    ----------
    folder : Path
        Where a set has a folder `binary`, its masks are preferred: things and what is around them.
        Those in `annotator2` are drawn as often as the others.

    Raises
    ------
    ValueError
        If no set of `SHARES` is there.
    """

    def __init__(self, folder: Path) -> None:
        found = {name: sorted((folder / name).glob("*.jpg")) for name in SHARES}
        self._images = {name: images for name, images in found.items() if images}
        if not self._images:
            raise ValueError(
                f"Expected one of {', '.join(SHARES)} in {folder}, but none has a .jpg. Give the "
                "folder that holds these."
            )
        shares = np.array([SHARES[name] for name in self._images])
        self._shares = shares / shares.sum()

    def crop(self, rng: np.random.Generator, side: int) -> tuple[Image, Classes]:
        """Return a square crop of a random image, enlarged or reduced, and its classes.

        Classes count from 0, the largest first; what is too small to be one is `VOID`. There are
        at least two.
        """
        names = list(self._images)
        for _ in range(_ATTEMPTS):
            images = self._images[names[rng.choice(len(names), p=self._shares)]]
            file = images[rng.integers(len(images))]
            image, mask = _random_square(rng, file, _mask_of(rng, file), side)
            classes = largest_regions(mask)
            if (classes == 1).any():
                return image, classes
        raise ValueError(f"Expected masks of several regions, but {_ATTEMPTS} crops had one each.")


def largest_regions(mask: Labels) -> Classes:
    """Return the regions that cover enough of a mask as classes, the largest first."""
    values, counts = np.unique(mask[mask != VOID], return_counts=True)
    enough = counts >= _SMALLEST_REGION * mask.size
    order = np.argsort(-counts[enough], kind="stable")[:N_CLASSES]
    classes = np.full(mask.shape, VOID, np.uint8)
    for index, value in enumerate(values[enough][order]):
        classes[mask == value] = index
    return classes


def _mask_of(rng: np.random.Generator, file: Path) -> Path:
    mask = file.with_suffix(".png")
    binary, second = (file.parent / folder / mask.name for folder in ("binary", "annotator2"))
    if binary.exists():
        return binary
    return second if second.exists() and rng.random() < 0.5 else mask


def _random_square(
    rng: np.random.Generator, file: Path, mask_file: Path, side: int
) -> tuple[Image, Labels]:
    with PillowImage.open(file) as image, PillowImage.open(mask_file) as mask:
        width, height = image.size
        smallest = side / min(width, height)
        scale = smallest * max(1.0, _LARGEST_SCALE / smallest) ** rng.random()
        # The part that the crop shows, at the size that it has in the image.
        part = min(side / scale, width, height)
        left, top = rng.uniform(0, width - part), rng.uniform(0, height - part)
        box = (left, top, left + part, top + part)
        bilinear, nearest = PillowImage.Resampling.BILINEAR, PillowImage.Resampling.NEAREST
        pixels = image.convert("RGB").resize((side, side), bilinear, box)
        regions = mask.convert("L").resize((side, side), nearest, box)
        return np.asarray(pixels), np.asarray(regions)
