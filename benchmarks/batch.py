"""Throughput of `napari-fcn-crf batch`: `python -m benchmarks.batch [--images N] [--side PX]`.

Prints what an image costs with one process and with two, with and without the CRF, and how much of
it is not the network: reading, writing, the ledger. It is the median time from one image's end to
the next's, by the ledger, so that starting does not count. Run it on a computer that is idle.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from skimage import data, transform

from napari_fcn_crf.batch.ledger import Ledger

GOAL_OVERHEAD = 0.10
KINDS: dict[str, tuple[str, ...]] = {
    "batch --no-refine": ("--no-refine",),
    "batch": (),
    "batch --workers 2": ("--workers", "2"),
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--side", type=int, default=512, help="of an image, in pixels")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bare", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare:
        bare(Path(chosen.bare[0]), Path(chosen.bare[1]), int(chosen.bare[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), chosen.images, chosen.side, chosen.rounds)


def measure(folder: Path, images: int, side: int, rounds: int) -> None:
    """Measure all, in turns, and print what the best round of each cost."""
    model, plate = prepare(folder, images, side)
    best: dict[str, float] = {}
    for _ in range(rounds):
        said = run("benchmarks.batch", "--bare", model, plate, images)
        costs = {"bare network": float(np.median(json.loads(said)))}
        for kind, options in KINDS.items():
            out = Path(tempfile.mkdtemp(dir=folder))
            run("napari_fcn_crf", "batch", model, plate, "-o", out, *options)
            ends = sorted(entry.at for entry in Ledger(out).entries.values())
            # Two processes end their images in pairs: what counts is how many in which time.
            costs[kind] = float(
                np.median(np.diff(ends))
                if "--workers" not in options
                else (ends[-1] - ends[3]) / (len(ends) - 4)
            )
        best = {kind: min(cost, best.get(kind, np.inf)) for kind, cost in costs.items()}
    print(f"{images} RGB images of {side} x {side}, two classes, cost of one:")
    for kind, cost in best.items():
        print(f"  {kind:20}{cost:8.3f} s, {60 / cost:.0f} a minute")
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
    run(*command, "--iterations", 20)
    return model, plate


def run(*command: object) -> str:
    """Run a module and return what it printed."""
    line = [sys.executable, "-m", *map(str, command)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def bare(model_path: Path, plate: Path, count: int) -> None:
    """Print how long images that are in memory already take, with nothing around the network."""
    from napari_fcn_crf.batch.here import start_network
    from napari_fcn_crf.settings import ComputeSettings, PredictionSettings

    start_network(ComputeSettings())
    from napari_fcn_crf.fcn.prediction.tiles import predict_plane
    from napari_fcn_crf.pipeline.models import load_model

    model = load_model(model_path)
    image = model.card.intensity.apply(tifffile.imread(plate / "0.tif"))
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        predict_plane(model.network, image, PredictionSettings())
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
