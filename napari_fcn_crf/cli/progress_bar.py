"""Progress on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_fcn_crf.cli.told import Notes
from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.quoting import printable


@contextmanager
def progress_bar(
    description: str | None = None, notes: Notes | None = None
) -> Iterator[OnProgress]:
    """Give a callback that draws a progress bar on a terminal, and nothing elsewhere.

    Parameters
    ----------
    description : str, optional
        What stands before it; by default what is being done.
    notes : Notes, optional
        Told the last note of the progress when the bar is gone.
    """
    from tqdm import tqdm

    noted: dict[str, None] = {}
    with tqdm(desc=printable(description or ""), disable=None, leave=False, delay=0.01) as bar:
        shown = description

        def show(progress: Progress) -> None:
            nonlocal shown
            if progress.note:
                noted[progress.note] = None
            if description is None and shown != progress.phase:
                shown = progress.phase
                bar.set_description_str(shown)
            if progress.loss is not None:
                bar.set_postfix_str(f"loss {progress.loss:.4g}", refresh=False)
            bar.total = progress.total or None
            bar.update(progress.current - bar.n)

        yield show
    if notes is not None:
        for note in noted:
            notes.add(note, description or "")
