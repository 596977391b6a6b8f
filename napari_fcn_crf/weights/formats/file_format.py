"""Weights formats: what is known of each, and the first look at a file by which it is told."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from napari_fcn_crf.weights.formats.tensors import Convention
from napari_fcn_crf.weights.formats.vgg_layers import Layers
from napari_fcn_crf.zip_files import open_zip

_ZIP_MAGIC = b"PK\x03\x04"


@dataclass(frozen=True)
class FirstLook:
    """What tells a file's format.

    Parameters
    ----------
    path : Path
    size : int
        In bytes.
    head, tail : bytes
        Its first sixteen and last eight; none of a checkpoint in parts, whose name is no file's.
    members : tuple of str
        The names in a zip file.
    """

    path: Path
    size: int = 0
    head: bytes = b""
    tail: bytes = b""
    members: tuple[str, ...] = ()

    @classmethod
    def at(cls, path: Path) -> FirstLook:
        """Look at a file."""
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(16)
            file.seek(max(0, size - 8))
            tail = file.read(8)
        members: list[str] = []
        if head.startswith(_ZIP_MAGIC):
            with open_zip(path) as archive:
                members = archive.namelist()
        return cls(path, size, head, tail, tuple(members))

    @property
    def is_zip(self) -> bool:
        """Whether it is a zip file."""
        return self.head.startswith(_ZIP_MAGIC)


@dataclass(frozen=True)
class WeightsFormat:
    """One format that weights of VGG-16 come in.

    Parameters
    ----------
    title : str
        As the description of a file has it.
    endings : tuple of str
        Of its files' names; the first is the usual one.
    matches : callable
        Takes a `FirstLook` and returns whether it is one of these.
    read : callable
        Takes a `FirstLook` and a stack that keeps the file open, and returns VGG-16's layers in it,
        whatever their shapes, with the convention they are for.
    library : str
        That people publish such files for; empty for a format that nobody publishes in.
    needs_tensorflow : bool
        To be read.
    """

    title: str
    endings: tuple[str, ...]
    matches: Callable[[FirstLook], bool]
    read: Callable[[FirstLook, ExitStack], tuple[Layers, Convention]]
    library: str = ""
    needs_tensorflow: bool = False
