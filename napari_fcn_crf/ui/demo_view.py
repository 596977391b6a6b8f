"""The demo's results as layers: `python -m napari_fcn_crf.ui.demo_view FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fcn_crf import image_files, samples

if TYPE_CHECKING:
    from napari.viewer import Viewer


def add_layers(viewer: Viewer, folder: Path) -> None:
    """Add the cat, its annotation, and what the demo wrote into `folder`."""
    probabilities = image_files.read_probabilities(folder / "cat_probabilities.tif")
    viewer.add_image(samples.load("cat"), name="cat")
    viewer.add_labels(samples.load("cat_annotation"), name="cat annotation", visible=False)
    viewer.add_image(
        probabilities.values,
        name="cat probabilities",
        contrast_limits=(0, 1),
        colormap="viridis",
        visible=False,
    )
    for name, file in (("cat predicted", "cat_labels.tif"), ("cat refined", "cat_refined.tif")):
        viewer.add_labels(
            image_files.read_labels(folder / file),
            name=name,
            opacity=0.5,
            visible=name == "cat refined",
        )
    viewer.dims.axis_labels = ("class", "row", "column")
    # The slider over the classes starts on the last one, the cat.
    viewer.dims.set_point(0, len(probabilities.values) - 1)


def main(folder: Path) -> None:
    """Open napari with the layers and run it until it is closed."""
    import napari

    viewer = napari.Viewer(title="napari-fcn-crf demo")
    add_layers(viewer, folder)
    napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
