"""Channels as layers, and images as their files mean them: what makes a picture of what is open."""

from __future__ import annotations

from napari_fcn_crf.data.image_files import read_picture
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.ui.session.notices import tell
from napari_fcn_crf.ui.session.session import Session
from napari_fcn_crf.ui.viewer.axes import source_of
from napari_fcn_crf.ui.viewer.picture_layer import add_instead
from napari_fcn_crf.ui.viewer.split_channels import split_channels


def split(session: Session) -> None:
    """Make a layer of each of the chosen image's channels, and take them as one picture.

    Raises
    ------
    ValueError
        If it has none, or work on it is under way.
    """
    image = session.selection.require_image()
    session.runner.require_idle()
    first, *others = split_channels(session.viewer, image)
    session.selection.choose_image(first)
    session.selection.choose_channels(others)


def add_as_meant(session: Session) -> None:
    """Read the chosen image's file in its own words, upright, add that and choose it.

    Raises
    ------
    ValueError
        If the image is of no file, or other work is under way.
    """
    image = session.selection.require_image()
    source = source_of(image)
    if source is None:
        raise ValueError(f"'{image.name}' was not read from a file that is still there.")

    def work(on_progress: OnProgress) -> Picture:
        on_progress(Progress("Reading the file"))
        return read_picture(source.path, exif=True)

    def keep(picture: Picture) -> None:
        if image not in session.viewer.layers:
            tell(f"'{image.name}' was closed; its file is not shown.")
            return
        added = add_instead(session.viewer, image, picture, turned=source.is_turned)
        session.selection.choose_image(added)

    session.runner.run("read", "Reading the file", work, lambda: None, keep)
