"""Names of files: of images, of the labels that belong to them, and of results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

LABEL_SUFFIXES = (".tif", ".tiff", ".png", ".bmp", ".gif")
IMAGE_SUFFIXES = (
    *LABEL_SUFFIXES,
    *(".jpg", ".jpeg", ".jpe", ".webp", ".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".pnm"),
    *(".btf", ".tf8", ".tf2", ".lsm", ".stk", ".svs", ".ndpi", ".scn"),
)
"""What images are looked for by in a folder; what they are, their content tells."""

LABELS = ("labels", "label", "masks", "mask", "annotations", "annotation", "scribbles", "seg")
"""What folders of labels are called, and what their files' names end in."""

IMAGES = ("images", "image", "imgs", "img")
"""What folders of images are called."""

RESULTS = tuple(
    f"{kind}{end}"
    for kind in ("predicted", "refined")
    for end in ("", "_probabilities", "_objects")
)
"""What the names of results end in: none of them is one of labels that people made."""

_LABEL_END = re.compile(
    rf"^(.+?)[_\-. ](?:cp_)?(?:{'|'.join(LABELS)}|segmentation)$", re.IGNORECASE
)
# The last is what results were called before there were names of their own.
_RESULT_END = re.compile(rf"^(.+)_(?:{'|'.join(RESULTS)}|probabilities)$", re.IGNORECASE)
_SYSTEM = ("thumbs.db", "desktop.ini", "ehthumbs.db")


def image_name(path: Path) -> str:
    """Return the name of a file without its ending, which may be two: .ome.tif."""
    stem = path.stem
    return stem[: -len(".ome")] if stem.lower().endswith(".ome") and len(stem) > 4 else stem


def labelled_name(path: Path) -> str:
    """Return the name of the image that a file of labels belongs to, or nothing if it is none."""
    found = _LABEL_END.match(image_name(path))
    return found[1] if found else ""


def is_labels_of(labels: Path, image: Path) -> bool:
    """Return whether a file of labels is named after an image."""
    name = image_name(image)
    return labels != image and name in (image_name(labels), labelled_name(labels))


def result_name(path: Path) -> str:
    """Return the name of the image that a file would be the result of, or nothing if of none."""
    found = _RESULT_END.match(image_name(path))
    return found[1] if found else ""


def folders_in(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the folders of such names inside another, in capitals or not."""
    wanted = tuple(names)
    return sorted(
        path for path in folder.iterdir() if path.name.lower() in wanted and path.is_dir()
    )


def files_in(folder: Path, suffixes: Iterable[str]) -> list[Path]:
    """Return the files of a folder with such endings, but for those that systems leave behind."""
    if not folder.is_dir():
        return []
    endings = tuple(suffixes)
    return sorted(
        path
        for path in folder.iterdir()
        # macOS keeps notes on a1.tif in ._a1.tif.
        if path.suffix.lower() in endings
        and not path.name.startswith(".")
        and path.name.lower() not in _SYSTEM
        and path.is_file()
    )
