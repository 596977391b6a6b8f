"""A file that TensorBoard reads, written without TensorFlow and so with any backend."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from napari_fcn_crf.input_error import InputError

_OCTAVES = 16
"""Powers of two below the largest magnitude in which a histogram tells values apart."""

_PER_OCTAVE = 8
_SHIFT = 20
"""What is left of a float32's bits: its sign, its exponent, and three digits after the point."""

_INFINITE = 0xFF << 3
_SIGN = 1 << 11
_CHUNK = 2**20


class EventFile:
    """An event file in a folder, which TensorBoard shows as one run.

    Parameters
    ----------
    folder : path
        Made if there is none.

    Raises
    ------
    ValueError
        If the file cannot be made, or, later, written to.
    """

    def __init__(self, folder: str | Path) -> None:
        seconds, rest = divmod(time.time_ns(), 10**9)
        path = Path(folder) / f"events.out.tfevents.{seconds:010d}.{rest:09d}.napari-fcn-crf"
        self._folder = folder
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter(path.open("xb"))
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def close(self) -> None:
        """End the file."""
        self._records.close()

    def scalar(self, step: int, tag: str, value: float) -> None:
        """Write a number."""
        self._add(step, Summary.Value(tag=tag, simple_value=value))

    def histogram(self, step: int, tag: str, values: npt.NDArray[np.float32]) -> None:
        """Write how an array's values are distributed."""
        self._add(step, Summary.Value(tag=tag, histo=histogram_of(values)))

    def image(self, step: int, tag: str, gray: npt.NDArray[np.uint8]) -> None:
        """Write a gray image, shape `(rows, columns)`."""
        png = io.BytesIO()
        Image.fromarray(gray).save(png, "PNG")
        rows, columns = gray.shape
        image = Summary.Image(
            height=rows, width=columns, colorspace=1, encoded_image_string=png.getvalue()
        )
        self._add(step, Summary.Value(tag=tag, image=image))

    def _add(self, step: int, value: Any) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))

    def _write(self, event: Any) -> None:
        with self._told():
            self._records.write(event.SerializeToString())
            # TensorBoard shows what is written so far, and a process that is killed leaves it.
            self._records.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                f"TensorBoard's file could not be written to {self._folder} "
                f"({error.strerror or error}). Choose another folder, or train without it."
            ) from error


def histogram_of(values: npt.NDArray[np.float32]) -> Any:
    """Return TensorBoard's histogram of an array's finite values.

    Notes
    -----
    A bucket is an eighth of an octave, about what TensorFlow takes: the leading bits of a float32
    are its number, so that hundreds of millions of values are counted in a fraction of the time
    of a search among limits. What is smaller than the largest magnitude by 2^-16 is one bucket.
    """
    flat = np.ascontiguousarray(values, np.float32).ravel()
    counts = np.zeros(2 * _SIGN, np.int64)
    low, high, total, squares = np.inf, -np.inf, 0.0, 0.0
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK]
        counts += np.bincount(chunk.view(np.uint32) >> _SHIFT, minlength=2 * _SIGN)
        if not np.isfinite(chunk).all():
            chunk = chunk[np.isfinite(chunk)]
        if chunk.size:
            low, high = min(low, chunk.min()), max(high, chunk.max())
            total += chunk.sum(dtype=np.float64)
            squares += np.square(chunk, dtype=np.float64).sum()
    positive, negative = counts[:_INFINITE], counts[_SIGN : _SIGN + _INFINITE]
    used = np.flatnonzero(positive + negative)
    if not used.size:
        return HistogramProto()
    largest = int(used[-1])
    smallest = max(largest - _OCTAVES * _PER_OCTAVE, 0) + 1
    middle = positive[:smallest].sum() + negative[:smallest].sum()
    shown = slice(smallest, largest + 1)
    limits = (np.arange(smallest, largest + 2, dtype=np.uint32) << _SHIFT).view(np.float32)
    return HistogramProto(
        min=low,
        max=high,
        num=int(positive.sum() + negative.sum()),
        sum=total,
        sum_squares=squares,
        # A bucket's limit is its upper one.
        bucket_limit=[*(-limits[:-1][::-1]), *limits],
        bucket=[*negative[shown][::-1], middle, *positive[shown]],
    )
