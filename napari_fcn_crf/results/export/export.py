"""Export format: what is known of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.results.export.result import Meaning, Result

LABELS: frozenset[Meaning] = frozenset({"classes", "objects"})
"""What formats take that know labels alone; they are given those of the most probable classes."""


@dataclass(frozen=True)
class Export:
    """One format that results are written in.

    Parameters
    ----------
    name : str
        On the command line.
    title : str
        As lists of formats have it.
    tip : str
        What it is good for.
    suffixes : tuple of str
        Of its files' names; the first is the usual one.
    takes : frozenset of {"classes", "objects", "probabilities"}
    write : callable
        Takes a `Result` of a kind that it takes and a path that it replaces.
    """

    name: str
    title: str
    tip: str
    suffixes: tuple[str, ...]
    takes: frozenset[Meaning]
    write: Callable[[Result, Path], None]
