"""Progress on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_fcn_crf.progress import OnProgress, Progress
from napari_fcn_crf.quoting import printable


@contextmanager
def progress_bar(description: str | None = None) -> Iterator[OnProgress]:
    """Give a callback that draws a progress bar on a terminal, and nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(desc=printable(description or ""), disable=None, leave=False, delay=0.01) as bar:
        shown = description

        def show(progress: Progress) -> None:
            nonlocal shown
            if description is None and shown != progress.phase:
                shown = progress.phase
                bar.set_description_str(shown)
            if progress.loss is not None:
                bar.set_postfix_str(f"loss {progress.loss:.4g}", refresh=False)
            bar.total = progress.total or None
            bar.update(progress.current - bar.n)

        yield show
