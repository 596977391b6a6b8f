"""Plan of a run: which images are to be done, by what the ledger says of earlier runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_fcn_crf.batch.inputs import FileState, Item
from napari_fcn_crf.batch.ledger import Entry
from napari_fcn_crf.input_error import InputError
from napari_fcn_crf.quoting import quoted


@dataclass(frozen=True)
class Plan:
    """What a run will do, and what it leaves.

    Parameters
    ----------
    to_do : dict of Item to str
        With the reason.
    done : list of Item
        Those that an earlier run did.
    failed : dict of Item to str
        Those that an earlier run could not do, with its error.
    """

    to_do: dict[Item, str] = field(default_factory=dict)
    done: list[Item] = field(default_factory=list)
    failed: dict[Item, str] = field(default_factory=dict)


def make_plan(
    items: Sequence[Item],
    entries: dict[str, Entry],
    job: str,
    *,
    overwrite: bool = False,
    retry_failed: bool = False,
) -> Plan:
    """Return which items are missing, or changed, or of other settings.

    Parameters
    ----------
    items : sequence of Item
    entries : dict of str to Entry
        What is known of them, by name.
    job : str
        Hash of model and settings.
    overwrite : bool
        Do all anew.
    retry_failed : bool
        Do anew what failed as well.
    """
    plan = Plan()
    for item in items:
        entry = entries.get(item.name)
        reason = "asked for" if overwrite else _reason(item, entry, job)
        if reason:
            plan.to_do[item] = reason
        elif entry is not None and entry.state == "failed":
            if retry_failed:
                plan.to_do[item] = "failed before"
            else:
                plan.failed[item] = entry.error
        else:
            plan.done.append(item)
    return plan


def _reason(item: Item, entry: Entry | None, job: str) -> str:
    """Return why an item is to be done, or nothing if it was done or has failed."""
    if entry is None:
        return "new"
    if entry.state == "begun":
        return "not finished"
    if (entry.size, entry.changed_ns) != _numbers(item.state()):
        return "the image changed"
    if entry.job != job:
        return "other model or settings"
    # One that somebody has corrected since is left as it is.
    is_missing = entry.state == "done" and not all(map(os.path.lexists, item.outputs))
    return "its result is missing" if is_missing else ""


@dataclass(frozen=True)
class Obstacle:
    """What is where a result should go, and is not to be replaced.

    Parameters
    ----------
    path : Path
    why : str
        What it is, as the end of a sentence on it.
    is_read : bool
        Whether it is one of the images, which are never replaced.
    """

    path: Path
    why: str
    is_read: bool


def obstacles(
    plan: Plan, entries: dict[str, Entry], inputs: Sequence[Path], *, overwrite: bool
) -> dict[Item, Obstacle]:
    """Return those items whose results would replace what no earlier run left like this.

    Parameters
    ----------
    plan : Plan
    entries : dict of str to Entry
        What is known of the items, by name.
    inputs : sequence of Path
        All that is read.
    overwrite : bool
        Only what is read is in the way.
    """
    read = {os.path.realpath(path) for path in inputs}
    found = {}
    for item in plan.to_do:
        there = [path for path in item.outputs if os.path.lexists(path)]
        is_read = [path for path in item.outputs if os.path.realpath(path) in read]
        if is_read:
            found[item] = Obstacle(is_read[0], "which is to be read", is_read=True)
        elif not overwrite and (why := _why_not_ours(item, there, entries.get(item.name))):
            found[item] = Obstacle(there[0], why, is_read=False)
    return found


def check_outputs(
    plan: Plan, entries: dict[str, Entry], inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Refuse to replace what is read, and, unless asked to, what no earlier run left like this.

    Raises
    ------
    ValueError
        With the first of them.
    """
    for one in obstacles(plan, entries, inputs, overwrite=overwrite).values():
        would = f"The results would replace {quoted(str(one.path), 100)}, {one.why}."
        if one.is_read:
            raise InputError(f"{would} Choose another folder with --output.")
        raise InputError(
            f"{would} Choose another --output, or replace what is there with --overwrite."
        )


def _why_not_ours(item: Item, there: Sequence[Path], entry: Entry | None) -> str:
    if not there:
        return ""
    if entry is None or any(path.name not in entry.outputs for path in there):
        return "which is of another run"
    if entry.input != str(item.path) and (entry.size, entry.changed_ns) != _numbers(item.state()):
        return f"which is the result of {quoted(entry.input, 100)}"
    if entry.state != "done":
        return ""
    changed = [path for path in there if entry.outputs[path.name] != item.written()[path.name]]
    return "which was changed since it was written" if changed else ""


def _numbers(state: FileState | None) -> tuple[int, int]:
    return (-1, -1) if state is None else (state.size, state.changed_ns)
