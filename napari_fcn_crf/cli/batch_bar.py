"""Progress of a batch on a terminal: images, and how far those are that are being computed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from napari_fcn_crf.batch.inputs import Item
from napari_fcn_crf.batch.outcome import OnTaskProgress, Outcome, Task
from napari_fcn_crf.batch.run import OnOutcome
from napari_fcn_crf.cli.told import Notes, say_failure
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.quoting import printable


@contextmanager
def batch_bar(
    images: int, notes: Notes, *, is_one: bool
) -> Iterator[tuple[OnOutcome, OnTaskProgress]]:
    """Give callbacks that draw a bar on a terminal, and say what failed wherever they are.

    Parameters
    ----------
    images : int
        How many are to be done.
    notes : Notes
        Told those of the images.
    is_one : bool
        Whether there is never more than one under way, so that it can be named.
    """
    from tqdm import tqdm

    under_way: dict[Item, str] = {}
    with tqdm(total=images, unit="image", disable=None, leave=False, delay=0.01) as bar:

        def show() -> None:
            shown = list(under_way.values())
            text = shown[0] if is_one and shown else f"{len(shown)} under way"
            bar.set_postfix_str(text if shown else "", refresh=False)

        def on_progress(task: Task, progress: Progress) -> None:
            of = f" {progress.current}/{progress.total}" if progress.total else ""
            name = printable(task.item.path.name)
            under_way[task.item] = f"{name}: {progress.phase.lower()}{of}"
            show()
            bar.refresh()

        def on_outcome(item: Item, outcome: Outcome) -> None:
            under_way.pop(item, None)
            show()
            bar.update()
            with tqdm.external_write_mode():
                for note in outcome.notes:
                    notes.add(note, item.path.name)
                if outcome.error:
                    say_failure(outcome.error, item.path.name)

        yield on_outcome, on_progress
