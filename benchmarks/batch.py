"""Throughput of `napari-fcn-crf batch`: `python -m benchmarks.batch [--images N] [--side PX]`.

Prints what an image costs with one process and with two, with and without the CRF, and how much of
it is not the network: reading, writing, the ledger. The cost of an image is the difference between
a run of many and a run of one, over how many more there were, so that starting does not count. On a
computer that is busy with other things `--clock processor` compares the processor seconds of all
processes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import tifffile
from skimage import data, transform

GOAL_OVERHEAD = 0.10


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--side", type=int, default=512, help="of an image, in pixels")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--bare", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        bare(Path(chosen.bare[0]), Path(chosen.bare[1]), int(chosen.bare[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.images, chosen.side, chosen.rounds, chosen.clock)


def measure(folder: Path, images: int, side: int, rounds: int, clock: str) -> None:
    """Measure all, in turns, and print what the best round of each cost."""
    model, plate = prepare(folder, images, side)
    kinds: dict[str, tuple[str, ...]] = {
        "bare network": (),
        "batch --no-refine": ("--no-refine",),
        "batch": (),
        "batch --workers 2": ("--workers", "2"),
    }
    best: dict[str, float] = {}
    for _ in range(rounds):
        for kind, options in kinds.items():
            costs = []
            # With two processes, each starts with one.
            few = 2 if "--workers" in options else 1
            for count in (few, images):
                if kind == "bare network":
                    command = ["benchmarks.batch", "--bare", model, plate, count]
                else:
                    names = [plate / f"{k}.tif" for k in range(count)]
                    out = Path(tempfile.mkdtemp(dir=folder))
                    command = ["napari_fcn_crf", "batch", model, *names, "-o", out, *options]
                costs.append(cost(list(map(str, command)), clock))
            one = (costs[1] - costs[0]) / (images - few)
            best[kind] = min(best.get(kind, np.inf), one)
    unit = "s" if clock == "wall" else "processor s"
    print(f"{images} RGB images of {side} x {side}, two classes, cost of one:")
    for kind, one in best.items():
        per_minute = f", {60 / one:.0f} a minute" if clock == "wall" else ""
        print(f"  {kind:20}{one:8.3f} {unit}{per_minute}")
    overhead = best["batch --no-refine"] / best["bare network"] - 1
    print(f"over the bare network: {overhead:.1%} (goal: at most {GOAL_OVERHEAD:.0%})")
    print(f"two processes against one: {best['batch'] / best['batch --workers 2']:.2f} x")


def prepare(folder: Path, images: int, side: int) -> tuple[Path, Path]:
    """Train a model, and write images of cats; return where both are."""
    plate = folder / "plate"
    plate.mkdir()
    cat = transform.resize(data.chelsea(), (side, side), preserve_range=True).astype(np.uint8)
    for k in range(images):
        tifffile.imwrite(plate / f"{k}.tif", np.roll(cat, 17 * k, axis=1))
    labels = np.zeros((side, side), np.uint8)
    labels[side // 3 : side // 2, side // 3 : side // 2] = 2
    labels[: side // 8, : side // 2] = 1
    tifffile.imwrite(folder / "labels.tif", labels)
    model = folder / "model.keras"
    command = ["napari_fcn_crf", "train", plate / "0.tif", folder / "labels.tif", "-o", model]
    cost([*map(str, command), "--iterations", "20"], "wall")
    return model, plate


def cost(command: list[str], clock: str) -> float:
    """Return what a command of Python's costs, in seconds of a clock."""
    before, started = psutil.Process().cpu_times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
    if clock == "wall":
        return time.perf_counter() - started
    after = psutil.Process().cpu_times()
    return float(
        after.children_user + after.children_system - before.children_user - before.children_system
    )


def bare(model_path: Path, plate: Path, count: int) -> None:
    """Predict so many images that are in memory already, with nothing around the network."""
    from napari_fcn_crf.batch.here import start_network
    from napari_fcn_crf.settings import ComputeSettings, PredictionSettings

    start_network(ComputeSettings())
    from napari_fcn_crf.fcn.prediction.tiles import predict_plane
    from napari_fcn_crf.pipeline.models import load_model

    model = load_model(model_path)
    image = model.card.intensity.apply(tifffile.imread(plate / "0.tif"))
    for _ in range(count):
        predict_plane(model.network, image, PredictionSettings())


if __name__ == "__main__":
    main()
