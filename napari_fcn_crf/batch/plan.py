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


def check_outputs(
    plan: Plan, entries: dict[str, Entry], inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Refuse to replace what is read, and, unless asked to, what no earlier run left like this.

    Raises
    ------
    ValueError
        With the first of them.
    """
    read = {os.path.realpath(path) for path in inputs}
    for item in plan.to_do:
        for path in item.outputs:
            if os.path.realpath(path) in read:
                raise InputError(
                    f"The results would replace {quoted(str(path), 100)}, which is to be read. "
                    "Choose another folder with --output."
                )
        if overwrite:
            continue
        there = [path for path in item.outputs if os.path.lexists(path)]
        why = _why_not_ours(item, there, entries.get(item.name))
        if why:
            raise InputError(
                f"The results would replace {quoted(str(there[0]), 100)}, {why}. Choose another "
                "--output, or replace what is there with --overwrite."
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
