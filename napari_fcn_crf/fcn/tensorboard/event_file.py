"""Event file that TensorBoard reads, written without TensorFlow and so with any backend."""

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

_BUCKETS = 256
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
    """Return TensorBoard's histogram of an array's finite values, in buckets of one width."""
    flat = np.ravel(values)
    # A part at a time, so that doubles of hundreds of millions of values are never there at once.
    chunks = [flat[start : start + _CHUNK] for start in range(0, flat.size, _CHUNK)]
    limits = [(chunk.min(), chunk.max()) for chunk in map(_finite, chunks) if chunk.size]
    if not limits:
        return HistogramProto()
    low, high = min(limits)[0], max(limit[1] for limit in limits)
    counts, total, squares = np.zeros(_BUCKETS, np.int64), 0.0, 0.0
    for chunk in map(_finite, chunks):
        found, edges = np.histogram(chunk, _BUCKETS, (low, high))
        counts += found
        total += chunk.sum()
        squares += np.square(chunk).sum()
    return HistogramProto(
        min=low,
        max=high,
        num=int(counts.sum()),
        sum=total,
        sum_squares=squares,
        bucket_limit=edges[1:],
        bucket=counts,
    )


def _finite(chunk: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    return chunk[np.isfinite(chunk)].astype(np.float64)
