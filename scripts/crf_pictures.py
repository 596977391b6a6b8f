"""Make the pictures of too little and too much of each parameter of the CRF, on the sample cat.

    python scripts/crf_pictures.py docs/images/parameters

Each picture has three refinements of one prediction beside each other: with a low value, with the
default, and with a high one; the other parameters have their defaults.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.segmentation import find_boundaries

import napari_fcn_crf as nfc
from napari_fcn_crf.data import samples

VALUES: dict[str, tuple[float, float]] = {
    "iterations": (0, 30),
    "gaussian_sigma_px": (0.5, 40),
    "gaussian_weight": (0, 30),
    "bilateral_sigma_px": (3, 200),
    "bilateral_sigma_intensity": (1, 80),
    "bilateral_weight": (0, 50),
}
"""Too little and too much of each."""

CAT = 2
GAP_PX = 4
COLOURS = 64
SIZE_PX = (301, 200)


def shown(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return an image whose background is pale, with the outline of the cat in red."""
    picture = image.copy()
    picture[labels != CAT] = picture[labels != CAT] // 3 + 170
    picture[find_boundaries(labels == CAT, mode="thick")] = (220, 30, 30)
    return np.asarray(Image.fromarray(picture).resize(SIZE_PX))


def main(folder: Path) -> None:
    """Train once, refine with each setting, and write the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    image = samples.load("cat")
    model = nfc.train(image, samples.load("cat_scribbles"))
    probabilities = nfc.predict(model, image)
    default = nfc.CRFSettings()
    for name, (little, much) in VALUES.items():
        pictures = []
        for settings in (
            replace(default, **{name: little}),
            default,
            replace(default, **{name: much}),
        ):
            labels = model.to_labels(nfc.refine(image, probabilities, settings))
            pictures.append(shown(image, labels))
            print(f"{name} {getattr(settings, name):g}: {(labels == CAT).mean():.1%} is cat")
        gap = np.full((len(pictures[0]), GAP_PX, 3), 255, np.uint8)
        row = np.hstack([pictures[0], gap, pictures[1], gap, pictures[2]])
        path = folder / f"{name}.png"
        Image.fromarray(row).quantize(COLOURS).save(path, optimize=True)
        print(f"Wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
