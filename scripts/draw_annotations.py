"""Write the annotations in sample_data/ from the outlines and strokes below, drawn by hand.

Run it after moving a point: `python scripts/draw_annotations.py`. Points are (row, column) in
pixels; the outlines were drawn on the images enlarged eight to twelve times, and may run past the
image's border where the cat does.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage import draw
from skimage.io import imsave

FOLDER = Path(__file__).parents[1] / "sample_data"

Points = list[tuple[float, float]]

CAT_SHAPE = (300, 451)
# Down the left ear and along the back, round the picture's lower left corner, then up again past
# chin, muzzle, cheek and right ear. Whiskers beyond the fur are background.
CAT_OUTLINE: Points = [
    *[(-1, 40.5), (10, 40), (20, 37.5), (30, 34.5), (40, 32), (50, 32), (60, 32), (70, 31)],
    *[(80, 30), (90, 30), (100, 29.5), (106, 27.5), (110, 22.5), (113, 18), (116, 14)],
    *[(119, 10), (122, 5.5), (126, -1), (300, -1), (300, 241.5), (296, 247), (290, 254)],
    *[(285, 260), (282, 268), (281, 280), (278, 289), (276, 297), (271, 303), (265, 308)],
    *[(258, 312), (250, 314.5), (240, 316), (232, 315.5), (225, 315), (220, 316.5)],
    *[(215, 320.5), (210, 326), (205, 331), (200, 335.5), (195, 339.5), (190, 343)],
    *[(185, 345.5), (180, 348), (175, 350.5), (170, 353), (165, 355.5), (160, 358.5)],
    *[(155, 361), (150, 362), (145, 362.5), (140, 363), (135, 363.5), (130, 363.5)],
    *[(125, 364), (120, 365), (115, 364.5), (110, 362.5), (105, 360.5), (100, 359)],
    *[(95, 358), (90, 357.5), (85, 356.5), (80, 356), (75, 357.5), (70, 361), (65, 366)],
    *[(58, 370.5), (52, 372.5), (45, 374.5), (35, 377.5), (27, 379.5), (20, 385.5)],
    *[(10, 394.5), (5, 397.5), (-1, 401)],
]

CAT_STROKE_WIDTH_PX = 4
CAT_STROKES: dict[int, list[Points]] = {
    1: [
        [(20, 12), (45, 9), (70, 11), (94, 9)],
        [(14, 428), (38, 418), (62, 406), (84, 399)],
        [(122, 384), (142, 392), (156, 410), (178, 420)],
        [(226, 336), (246, 344), (268, 350), (282, 374), (284, 390)],
    ],
    2: [
        [(58, 112), (47, 140), (45, 170), (54, 202)],
        [(126, 250), (150, 255), (176, 260), (194, 266)],
        [(196, 74), (216, 90), (240, 98), (262, 122), (272, 142)],
        [(214, 10), (236, 14), (264, 16)],
        [(16, 366), (30, 360), (42, 354)],
    ],
}

IHC_SHAPE = (512, 512)
IHC_STROKE_WIDTH_PX = 4
IHC_STROKES: dict[int, list[Points]] = {
    # Epithelium of the glands, stained brown.
    1: [
        [(96, 84), (150, 110), (196, 150), (228, 206)],
        [(34, 340), (58, 392), (110, 428), (180, 414), (236, 390)],
        [(282, 70), (340, 96), (400, 130), (462, 100)],
        [(354, 290), (392, 310), (440, 330), (476, 336)],
    ],
    # Connective tissue between the glands: pale fibres with blue nuclei.
    2: [
        [(256, 122), (284, 170), (284, 236), (290, 302), (300, 356)],
        [(60, 486), (140, 484), (200, 478), (270, 484), (330, 480)],
        [(350, 190), (400, 180), (450, 206), (490, 232)],
    ],
    # Empty: the glands' lumen and bare glass.
    3: [
        [(304, 10), (338, 28), (382, 18)],
        [(64, 308), (96, 325), (130, 342), (158, 360)],
        [(400, 452), (428, 446), (450, 452)],
    ],
}


def fill_outline(shape: tuple[int, int], outline: Points) -> npt.NDArray[np.uint8]:
    """Return an image that is 1 inside the outline and 0 outside."""
    labels = np.zeros(shape, np.uint8)
    rows, columns = zip(*outline, strict=True)
    labels[draw.polygon(rows, columns, shape)] = 1
    return labels


def paint_strokes(
    shape: tuple[int, int], strokes: dict[int, list[Points]], width_px: int
) -> npt.NDArray[np.uint8]:
    """Return an image in which a round brush has followed each stroke's points with its label."""
    labels = np.zeros(shape, np.uint8)
    pixels = np.moveaxis(np.indices(shape), 0, -1)
    for label, lines in strokes.items():
        for line in lines:
            for start, end in pairwise(line):
                labels[_distance(pixels, np.array(start), np.array(end)) < width_px / 2] = label
    return labels


def _distance(
    points: npt.NDArray[np.integer], start: npt.NDArray[np.float64], end: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return each point's distance to the segment from start to end."""
    along = end - start
    position = ((points - start) @ along / (along @ along)).clip(0, 1)
    offset = points - start - position[..., np.newaxis] * along
    return np.asarray(np.linalg.norm(offset, axis=-1))


def drawn_annotations() -> dict[str, npt.NDArray[np.uint8]]:
    """Return every annotation by its file name."""
    return {
        "cat_annotation.png": fill_outline(CAT_SHAPE, CAT_OUTLINE),
        "cat_scribbles.png": paint_strokes(CAT_SHAPE, CAT_STROKES, CAT_STROKE_WIDTH_PX),
        "ihc_scribbles.png": paint_strokes(IHC_SHAPE, IHC_STROKES, IHC_STROKE_WIDTH_PX),
    }


if __name__ == "__main__":
    for name, labels in drawn_annotations().items():
        imsave(FOLDER / name, labels, check_contrast=False)
