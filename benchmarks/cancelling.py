"""How long a large image goes on after it was cancelled: `python -m benchmarks.cancelling`.

Prints, for `predict` and `refine` with `out=` and for the process that napari asks, how many
seconds pass between the moment that somebody wants to stop, in the midst of a block, and the end.
Run it on a computer that is idle.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import zarr
from skimage import data

import napari_fcn_crf as nfc
from napari_fcn_crf.batch.growing_prediction import GrowingPrediction, grow_in_service
from napari_fcn_crf.batch.here import start_network
from napari_fcn_crf.compute.parent.service import ComputeService
from napari_fcn_crf.data.picture import Picture
from napari_fcn_crf.progress import Cancelled, Progress
from napari_fcn_crf.settings import ComputeSettings

GOAL_S = 1.0


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=2048, help="of the image, in pixels")
    parser.add_argument("--after", type=float, nargs="*", default=[0.7, 1.9], help="seconds")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.side, chosen.after)


def measure(folder: Path, side: int, moments: list[float]) -> None:
    """Cancel each some seconds after it began with a block."""
    start_network(ComputeSettings())
    cat = data.chelsea()
    labels = np.zeros(cat.shape[:2], np.uint8)
    labels[100:200, 120:220], labels[:40, :200] = 2, 1
    model = nfc.train(cat, labels)
    nfc.save_model(model, folder / "model.keras")
    large = np.resize(cat, (side, cat.shape[1], 3))[:, np.arange(side) % cat.shape[1]]
    image = zarr.create_array(str(folder / "image.zarr"), data=large, chunks=(512, 512, 3))
    even = zarr.create_array({}, shape=(2, side, side), dtype=np.float32, fill_value=0.5)
    nfc.predict(model, cat)
    nfc.refine(cat, np.full((2, *cat.shape[:2]), 0.5, np.float32))

    def predict(on_progress: Callable[[Progress], None], stop: threading.Event) -> None:
        out = folder / "predicted.zarr"
        nfc.predict(model, image, on_progress=on_progress, should_stop=stop.is_set, out=out)

    def refine(on_progress: Callable[[Progress], None], stop: threading.Event) -> None:
        out = folder / "refined.zarr"
        nfc.refine(image, even, on_progress=on_progress, should_stop=stop.is_set, out=out)

    for name, work in (("predict(out=)", predict), ("refine(out=)", refine)):
        for after in moments:
            print_late(name, after, lateness(work, after))
    picture = Picture(image, "yxc")
    with_service(folder, picture, model, moments)


def lateness(
    work: Callable[[Callable[[Progress], None], threading.Event], None], after: float
) -> float:
    """Return how long work goes on that is stopped so many seconds after its first block began."""
    stop, asked = threading.Event(), [0.0]

    def ask() -> None:
        asked[0] = time.perf_counter()
        stop.set()

    timer = threading.Timer(after, ask)

    def begun(progress: Progress) -> None:
        if progress.unit == "blocks" and not timer.is_alive() and not stop.is_set():
            timer.start()

    with suppress(Cancelled):
        work(begun, stop)
        raise SystemExit("It was done before it could be cancelled: take a larger --side.")
    return time.perf_counter() - asked[0]


def with_service(folder: Path, picture: Picture, model: nfc.Model, moments: list[float]) -> None:
    """The same for the process that a window keeps; it may be ended."""
    service = ComputeService()
    service.configure(ComputeSettings())
    growing = GrowingPrediction(folder / "growing", picture, model.card, folder / "model.keras")
    for after in moments:
        job = grow_in_service(service, growing, lambda: None)
        for progress in job.events():
            if progress.partial is not None:  # a block is done, and the next is begun
                break
        time.sleep(after)
        began = time.perf_counter()
        job.cancel()
        job.result()
        print_late("napari's process", after, time.perf_counter() - began)
    service.close()


def print_late(name: str, after: float, seconds: float) -> None:
    """Print a line."""
    print(
        f"{name:20} cancelled {after:.1f} s into a block: {seconds:.2f} s "
        f"(goal: at most {GOAL_S:.0f} s)",
        flush=True,
    )


if __name__ == "__main__":
    main()
