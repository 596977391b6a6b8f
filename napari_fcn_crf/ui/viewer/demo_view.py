"""Demo results as layers.

python -m napari_fcn_crf.ui.viewer.demo_view FOLDER [IMAGE LABELS]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_fcn_crf.data import image_files, samples

if TYPE_CHECKING:
    from napari.viewer import Viewer

_AXES = ("y", "x")


def add_layers(
    viewer: Viewer, folder: Path, image: Path | None = None, annotation: Path | None = None
) -> None:
    """Add an image, its annotation, and what the demo wrote into `folder`; by default the cat's."""
    name = "cat" if image is None else image.stem
    probabilities = image_files.read_probabilities(folder / f"{name}_predicted_probabilities.tif")
    viewer.add_image(
        samples.load("cat") if image is None else image_files.read_picture(image).array,
        name=name,
        axis_labels=_AXES,
    )
    strokes = (
        samples.load("cat_annotation")
        if annotation is None
        else image_files.read_labels(annotation)
    )
    viewer.add_layer(Labels(strokes, name=f"{name} annotation", visible=False, axis_labels=_AXES))
    viewer.add_image(
        probabilities.values,
        name=f"{name} probabilities",
        contrast_limits=(0, 1),
        colormap="viridis",
        visible=False,
        axis_labels=("class", *_AXES),
    )
    for what in ("predicted", "refined"):
        labels = image_files.read_labels(folder / f"{name}_{what}.tif")
        is_shown = what == "refined"
        viewer.add_layer(
            Labels(labels, name=f"{name} {what}", opacity=0.5, visible=is_shown, axis_labels=_AXES)
        )
    viewer.dims.axis_labels = ("class", "row", "column")
    # The slider over the classes starts on the last one, which is no background.
    viewer.dims.set_point(0, len(probabilities.values) - 1)


def main(folder: Path, image: Path | None = None, annotation: Path | None = None) -> None:
    """Open napari with the layers and run it until it is closed."""
    import napari

    viewer = napari.Viewer(title="napari-fcn-crf demo")
    add_layers(viewer, folder, image, annotation)
    napari.run()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
