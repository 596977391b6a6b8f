"""Warning filter: what napari leaves out by itself, unless another thread imports or compiles."""

from __future__ import annotations

import warnings


def leave_out_colour_warnings() -> None:
    """Leave out scikit-image's warning about the colours that napari makes for labels.

    napari ignores it while it makes them. But Python's `catch_warnings` is one list for all
    threads: where another leaves its own meanwhile, as numba does whenever it compiles, napari's is
    lost, and whoever presses "New labels" reads about the CIE-LAB colour space.
    """
    warnings.filterwarnings(
        "ignore", message="Conversion from CIE-LAB, via XYZ to sRGB", category=UserWarning
    )
