"""Make the pages' pictures of napari, as a person sees it who takes some of `tests/ui/walks`.

Run it on a screen, or under one that is not shown::

    xvfb-run -a python scripts/screenshots.py docs/images
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

ROOT = Path(__file__).parents[1]
WALKS = ROOT / "tests" / "ui" / "walks"
TAKEN = ("test_cat.py::test_cat", "test_cat.py::test_cat_live", "test_nuclei.py::test_touching")

WINDOWS = {
    "live": "cat_live following",
    "1-annotate": "cat annotate",
    "2-train": "cat train",
    "3-predict": "cat predict",
    "4-refine": "cat refine",
    "refine-tune": "cat tune",
    "split-objects": "touching split",
}
"""Pictures of a window or a part of it, by the names of the walk and that it gives them."""

STRIPS = {
    "refine-before-after": ("cat before", "cat after", "cat changes"),
    "refine-uncertainty": ("cat uncertainty", "cat most-uncertain"),
}
"""Pictures of canvases beside each other."""

CANVAS_PX = (420, 280)
GAP_PX = 4
COLOURS = 256


def save(pictures: list[PillowImage.Image], path: Path) -> None:
    """Write pictures beside each other as one file of few bytes."""
    gap = np.full((pictures[0].height, GAP_PX, 3), 255, np.uint8)
    columns = [part for picture in pictures for part in (gap, np.asarray(picture))][1:]
    with_few_colours(np.hstack(columns)).save(path, optimize=True)
    print(path)


def with_few_colours(pixels: npt.NDArray[np.uint8]) -> PillowImage.Image:
    """Return a picture in which no colour is far off: a class is known by a small square of it."""
    few = PillowImage.fromarray(pixels).quantize(COLOURS, method=PillowImage.Quantize.MAXCOVERAGE)
    chosen = np.asarray(few).ravel()
    codes = pixels.reshape(-1, 3).astype(np.int64) @ (1 << 16, 1 << 8, 1)
    palette: list[int] = []
    for number in range(COLOURS):
        # What most pixels have, such as a panel's, is as it was.
        found, counts = np.unique(codes[chosen == number], return_counts=True)
        most = int(found[counts.argmax()]) if len(found) else 0
        palette += most.to_bytes(3)
    few.putpalette(palette)
    return few


def main(folder: Path) -> int:
    """Take the walks and write their pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as walked:
        os.environ["WALKS"] = walked
        taken = [f"{WALKS}/{one}" for one in TAKEN]
        if code := pytest.main([*taken, "--quiet", f"--rootdir={ROOT}"]):
            return int(code)

        def picture(name: str) -> PillowImage.Image:
            walk, what = name.split()
            (path,) = Path(walked).glob(f"{walk}-[0-9][0-9]-{what}.png")
            return PillowImage.open(path).convert("RGB")

        for file, name in WINDOWS.items():
            save([picture(name)], folder / f"{file}.png")
        for file, names in STRIPS.items():
            parts = [ImageOps.fit(picture(name), CANVAS_PX) for name in names]
            save(parts, folder / f"{file}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
