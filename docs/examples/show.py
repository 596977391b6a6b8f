"""What the examples share: pictures beside each other, and how well labels agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import label2rgb
from skimage.exposure import rescale_intensity

GAP_PX = 4
HEIGHT_PX = 200
COLOURS = 64
CLASS_COLOURS = [(0.9, 0.35, 0.1), (0.1, 0.5, 0.9), (0.95, 0.85, 0.2), (0.2, 0.7, 0.3)]


def gray(image: np.ndarray) -> np.ndarray:
    """Return an image of any type and one channel as RGB, uint8, by its darkest and brightest."""
    stretched = rescale_intensity(image.astype(float), out_range=(0, 255)).astype(np.uint8)
    return np.stack([stretched] * 3, -1)


def coloured(rgb: np.ndarray, labels: np.ndarray, alpha: float = 0.45) -> np.ndarray:
    """Return an image with labels in colour over it; 0 lets it through."""
    shown = label2rgb(labels, rgb, CLASS_COLOURS, alpha=alpha, bg_label=0, saturation=1)
    return np.where(labels[..., None] > 0, shown * 255, rgb).astype(np.uint8)


def save(path: Path, *pictures: np.ndarray) -> None:
    """Write pictures of one size beside each other, as a PNG of few bytes."""
    gap = np.full((len(pictures[0]), GAP_PX, 3), 255, np.uint8)
    row = np.hstack([part for picture in pictures for part in (gap, picture)][1:])
    image = Image.fromarray(row)
    image = image.resize((round(image.width * HEIGHT_PX / image.height), HEIGHT_PX))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(COLOURS).save(path, optimize=True)
    print(f"Wrote {path}")


def iou(found: np.ndarray, truth: np.ndarray) -> float:
    """Return the intersection over union of two masks."""
    return float((found & truth).sum() / (found | truth).sum())
