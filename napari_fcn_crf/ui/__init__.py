"""napari widgets; the only part that knows napari and Qt."""
