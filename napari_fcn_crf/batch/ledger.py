"""Ledger: what became of each image, one line each time, so that a run can be gone on with."""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

State = Literal["begun", "done", "failed"]

_NAME = "ledger"


@dataclass(frozen=True)
class Entry:
    """What became of one image.

    Parameters
    ----------
    name : str
        What its results are named after.
    input : str
        Path of the image.
    size, changed_ns : int
        Of the image then, see `FileState`; -1 if it was not there.
    job : str
        Hash of model and settings.
    state : {"begun", "done", "failed"}
    outputs : dict of str to int
        Names of what was written, or is to be, and their sizes in bytes.
    seconds : float
        That it took.
    error : str
        Why it failed.
    at : float
        When, in seconds since 1970.
    """

    name: str
    input: str
    size: int
    changed_ns: int
    job: str
    state: State
    outputs: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    at: float = 0.0


class Ledger:
    """The last entry of each image, on disk.

    Parameters
    ----------
    folder : Path
        Of the results. Each part of a job has a ledger of its own there, and reads all of them.
    part : str
        Of a job that is done in parts, such as "2-of-8"; empty for all of it.

    Notes
    -----
    A line is appended in one piece and is on the disk before `add` returns. Of a process that was
    killed meanwhile, half a line may be left: it is skipped, and the next one begins a new line.
    """

    def __init__(self, folder: Path, part: str = "") -> None:
        self._folder = folder
        self.path = folder / f"{_NAME}{f'-{part}' if part else ''}.jsonl"
        self.entries: dict[str, Entry] = {}
        for path in sorted(folder.glob(f"{_NAME}*.jsonl")):
            for entry in _read(path):
                known = self.entries.get(entry.name)
                if known is None or entry.at >= known.at:
                    self.entries[entry.name] = entry

    def add(self, entry: Entry) -> None:
        """Append an entry.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        values = asdict(entry) | {"at": round(time.time(), 3)}
        line = json.dumps(values, ensure_ascii=False) + "\n"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self.path, flags, 0o666)
        try:
            length = os.lseek(descriptor, 0, os.SEEK_END)
            if length:
                os.lseek(descriptor, length - 1, os.SEEK_SET)
                if os.read(descriptor, 1) != b"\n":
                    line = f"\n{line}"
            data = line.encode("utf-8", "surrogateescape")
            written = os.write(descriptor, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError as error:
            error.filename = str(self.path)
            raise
        finally:
            os.close(descriptor)
        self.entries[entry.name] = entry


def _read(path: Path) -> list[Entry]:
    entries = []
    for line in path.read_bytes().splitlines():
        try:
            entry = Entry(**json.loads(line.decode("utf-8", "surrogateescape")))
        except (ValueError, TypeError):  # half a line, or of another version
            continue
        if _is_sane(entry):
            entries.append(entry)
    return entries


def _is_sane(entry: Entry) -> bool:
    values: dict[str, Any] = vars(entry)
    kinds = {"name": str, "input": str, "job": str, "error": str, "outputs": dict}
    numbers = ("size", "changed_ns", "seconds", "at")
    return (
        all(isinstance(values[name], kind) for name, kind in kinds.items())
        and all(isinstance(values[name], int | float) for name in numbers)
        and entry.state in get_args(State)
    )
