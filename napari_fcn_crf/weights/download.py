"""Download of published weights, which are checked by their hash before they get their name."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_fcn_crf.progress import Cancelled, OnProgress, Progress, ShouldStop
from napari_fcn_crf.quoting import quoted

_MEGABYTE = 10**6
_CHUNK_BYTES = 2**14
_POLL_SECONDS = 0.1
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights that somebody publishes.

    Parameters
    ----------
    title : str
        As shown to the user.
    url : str
    size_bytes : int
    md5 : str
        The hash its publisher gives.
    licence : str
    """

    title: str
    url: str
    size_bytes: int
    md5: str
    licence: str

    @property
    def file_name(self) -> str:
        """The file's name, as published."""
        return self.url.rpartition("/")[2]


_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
_LICENCE = "CC BY 4.0, Visual Geometry Group, University of Oxford"

PUBLISHED = {
    "vgg16": PublishedWeights(
        title="VGG-16 with fc6 and fc7",
        url=_KERAS + "vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        size_bytes=553_467_096,
        md5="64373286793e3c8b2b4e3219cbf3544b",
        licence=_LICENCE,
    ),
    "vgg16-notop": PublishedWeights(
        title="VGG-16, the thirteen convolutions only",
        url=_KERAS + "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        size_bytes=58_889_256,
        md5="6d6bbae143d832006294945121d1f1fc",
        licence=_LICENCE,
    ),
}
"""What Keras Applications publishes, by the names that the command line takes."""


def weights_folder(chosen: str | Path = "") -> Path:
    """Return the folder for weights: the chosen one, or one in the user's cache."""
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("napari-fcn-crf", appauthor=False) / "weights"


def fetch(
    weights: PublishedWeights,
    folder: str | Path,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    *,
    timeout_seconds: float = 30.0,
) -> Path:
    """Return the path of published weights, after downloading them if they are not there.

    Proxies are taken from the environment. A download that ends early leaves nothing behind.

    Parameters
    ----------
    weights : PublishedWeights
    folder : path
        Made if it does not exist.
    on_progress : callable, optional
        Called with megabytes.
    should_stop : callable, optional
        Asked ten times a second.
    timeout_seconds : float
        How long the server may be silent.

    Raises
    ------
    ValueError
        If the file cannot be had; the message says where to get it by hand and where to put it.
    Cancelled
        If `should_stop` turned true.
    """
    target = Path(folder) / weights.file_name
    if target.is_file() and _md5(target) == weights.md5:
        return target
    try:
        _check_space(weights, target)
    except OSError as error:
        raise _failed(weights, target, error.strerror or str(error)) from error
    download = _Download(weights, target, timeout_seconds)
    download.start()
    while download.is_alive():
        download.join(_POLL_SECONDS)
        if should_stop is not None and should_stop():
            # The thread sees it at the next bytes, or when the silent server times out.
            download.stopped = True
            raise Cancelled
        if on_progress is not None:
            total = max(1, weights.size_bytes // _MEGABYTE)
            current = min(total, download.received_bytes // _MEGABYTE)
            on_progress(Progress("Downloading", current, total))
    if download.problem is not None:
        raise _failed(weights, target, _reason(weights, download.problem)) from download.problem
    return target


class _Download(threading.Thread):
    """A thread of its own, because a read from a silent server cannot be interrupted."""

    def __init__(self, weights: PublishedWeights, target: Path, timeout_seconds: float) -> None:
        super().__init__(name=f"download {weights.file_name}", daemon=True)
        self.weights = weights
        self.target = target
        self.timeout_seconds = timeout_seconds
        self.received_bytes = 0
        self.stopped = False
        # What is wrong until the file has its name, whatever else may happen.
        self.problem: Exception | None = RuntimeError()

    def run(self) -> None:
        import pooch

        pooch.get_logger().setLevel("WARNING")
        unfinished = self.target.parent / ".unfinished"
        try:
            unfinished.mkdir(parents=True, exist_ok=True)
            _remove_stale(unfinished)
            path = pooch.retrieve(
                self.weights.url,
                known_hash=f"md5:{self.weights.md5}",
                fname=self.weights.file_name,
                path=unfinished,
                downloader=self._receive,
            )
            Path(path).replace(self.target)
            self.problem = None
        except (OSError, ValueError, Cancelled, _TooLong) as error:
            self.problem = error
        finally:
            with suppress(OSError):
                unfinished.rmdir()

    def _receive(self, url: str, output_file: str, _: Any) -> None:
        # Not pooch's own downloader, which leaves the connection open when it is interrupted.
        import requests

        with (
            requests.get(url, stream=True, timeout=self.timeout_seconds) as response,
            Path(output_file).open("wb") as file,
        ):
            response.raise_for_status()
            for chunk in response.iter_content(_CHUNK_BYTES):
                if self.stopped:
                    raise Cancelled
                file.write(chunk)
                self.received_bytes += len(chunk)
                if self.received_bytes > self.weights.size_bytes:
                    raise _TooLong


class _TooLong(Exception):
    """The server sends more than the file has."""


def _check_space(weights: PublishedWeights, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(target.parent).free
    if free < weights.size_bytes:
        raise OSError(0, f"only {free // _MEGABYTE} MB are free")


def _reason(weights: PublishedWeights, problem: Exception) -> str:
    if isinstance(problem, _TooLong):
        return "the server sends more than the file has"
    if isinstance(problem, ValueError) and "hash" in str(problem):
        return "the server sent another file"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    response: Any = getattr(problem, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {quoted(str(response.reason), 40)}"
    return type(problem).__name__


def _failed(weights: PublishedWeights, target: Path, reason: str) -> ValueError:
    megabytes = max(1, round(weights.size_bytes / _MEGABYTE))
    return ValueError(
        f"{weights.title} could not be downloaded ({reason}). Try again, or get {weights.url} "
        f"({megabytes} MB, MD5 {weights.md5}) another way and put it into {target.parent}."
    )


def _remove_stale(folder: Path) -> None:
    """Remove what killed processes left, but not what another one is writing."""
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
