"""Make the README's pictures, as a person sees them who walks like `tests/ui/walks/test_cat.py`.

Run it on a screen, or under one that is not shown::

    xvfb-run -a python scripts/screenshots.py docs/images
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps

ROOT = Path(__file__).parents[1]
WALK = ROOT / "tests" / "ui" / "walks" / "test_cat.py"

WINDOWS = {
    "1-annotate": "annotate",
    "2-train": "train",
    "3-predict": "predict",
    "4-refine": "refine",
    "refine-tune": "tune",
}
"""Pictures of a window or a part of it, by the names that the walk gives them."""

STRIPS = {
    "refine-before-after": ("before", "after", "changes"),
    "refine-uncertainty": ("uncertainty", "most-uncertain"),
}
"""Pictures of canvases beside each other."""

CANVAS_PX = (420, 280)
GAP_PX = 4
COLOURS = 128


def save(pictures: list[PillowImage.Image], path: Path) -> None:
    """Write pictures beside each other as one file of few bytes."""
    gap = np.full((pictures[0].height, GAP_PX, 3), 255, np.uint8)
    columns = [part for picture in pictures for part in (gap, np.asarray(picture))][1:]
    PillowImage.fromarray(np.hstack(columns)).quantize(COLOURS).save(path, optimize=True)
    print(path)


def main(folder: Path) -> int:
    """Take the walk and write its pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as walked:
        os.environ["WALKS"] = walked
        if code := pytest.main([str(WALK), "--quiet", f"--rootdir={ROOT}"]):
            return int(code)

        def picture(name: str) -> PillowImage.Image:
            (path,) = Path(walked).glob(f"cat-[0-9][0-9]-{name}.png")
            return PillowImage.open(path).convert("RGB")

        for file, name in WINDOWS.items():
            save([picture(name)], folder / f"{file}.png")
        for file, names in STRIPS.items():
            parts = [ImageOps.fit(picture(name), CANVAS_PX) for name in names]
            save(parts, folder / f"{file}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
