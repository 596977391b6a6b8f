"""Images too large for one lattice, or for memory: `python -m benchmarks.large [--lazy]`.

Prints how many labels of a 2048 x 2048 photograph are the same whether it is refined whole or in
parts, and the peak memory of refining 10000 x 10000 pixels with two classes, all arrays included.

With `--lazy` prints peak memory and time of images on disk (zarr, uint8 RGB, two classes) that are
predicted and refined block by block, each size in a process of its own: by `predict` and `refine`
with `out=`, and by the command `batch`. `--side 2000 --lazy 1 2` takes 2000 and 4000 pixels.
With `--blocks 3` only so many blocks of each are predicted and refined, by the functions: enough to
see whether memory depends on the size of the image, where all of it would take hours.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from skimage import data

from benchmarks.crf import inputs
from napari_fcn_crf import refine
from napari_fcn_crf.crf import dense_crf
from napari_fcn_crf.demo.sample_run import peak_memory_bytes


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=10000, help="of the large image, in pixels")
    parser.add_argument(
        "--lazy",
        nargs="*",
        type=int,
        metavar="FACTOR",
        help="images on disk of so many times that side; 1 2 3 without numbers",
    )
    parser.add_argument("--folder", type=Path, help="for those, which take up to 15 GB")
    parser.add_argument("--blocks", type=int, default=0, help="of each, for memory alone")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=("functions", "batch"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak:
        refine_large(chosen.side)
        return
    if chosen.way:
        if chosen.blocks:
            segment_some(chosen.folder, chosen.side, chosen.blocks)
        else:
            segment_on_disk(chosen.way, chosen.folder, chosen.side)
        return
    if chosen.lazy is not None:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            sides = [chosen.side * factor for factor in chosen.lazy or (1, 2, 3)]
            print_lazy(Path(folder), sides, chosen.blocks)
        return
    for classes in (2, 3):
        print(
            f"2048 x 2048, {classes} classes: {agreement(classes):.4%} of the labels are the same"
        )
    command = [sys.executable, "-m", "benchmarks.large", "--peak", "--side", str(chosen.side)]
    subprocess.run(command, check=True)


def agreement(classes: int) -> float:
    """Return the share of labels that parts and the whole agree on."""
    image, given = inputs(f"photograph,2048x2048,{classes}")
    whole = refine(image, given).argmax(axis=0)
    at_once = dense_crf._BYTES_AT_ONCE
    try:
        dense_crf._BYTES_AT_ONCE = at_once // 4
        in_parts = refine(image, given).argmax(axis=0)
    finally:
        dense_crf._BYTES_AT_ONCE = at_once
    return float((in_parts == whole).mean())


def refine_large(side: int) -> None:
    """Refine an image of `side` x `side` and print peak memory and seconds."""
    image, coarse = inputs("photograph,2048x2048,2")
    image = np.resize(image, (side, 2048, 3))
    columns = np.arange(side) % 2048
    image = np.ascontiguousarray(image[:, columns])
    given = np.empty((2, side, side), np.float32)
    for row in range(side):
        given[:, row] = coarse[:, row % 2048, columns]
    before = psutil.Process().memory_info().rss
    started = time.perf_counter()
    refine(image, given)
    seconds = time.perf_counter() - started
    peak, own = peak_memory_bytes() / 1e9, before / 1e9
    print(
        f"{side} x {side}, 2 classes: peak {peak:.2f} GB, {own:.2f} GB of them image, "
        f"probabilities and the program itself; {seconds:.0f} s"
    )


def print_lazy(folder: Path, sides: list[int], blocks: int = 0) -> None:
    """Segment images on disk of several sizes, each in two ways, and print what they took."""
    train_small(folder / "model.keras")
    for side in sides:
        write_photograph(folder / "image.zarr", side)
        for way in ("functions",) if blocks else ("functions", "batch"):
            command = [sys.executable, "-m", "benchmarks.large", "--way", way]
            options = ["--side", str(side), "--folder", str(folder), "--blocks", str(blocks)]
            subprocess.run([*command, *options], check=True)
        shutil.rmtree(folder / "image.zarr")


def train_small(path: Path) -> None:
    """Train a model of two classes."""
    command = [sys.executable, "-m", "napari_fcn_crf", "train", "image.png", "labels.png"]
    cat = data.chelsea()
    labels = np.zeros(cat.shape[:2], np.uint8)
    labels[100:200, 120:220], labels[:40, :200] = 2, 1
    Image.fromarray(cat).save(path.with_name("image.png"))
    Image.fromarray(labels).save(path.with_name("labels.png"))
    subprocess.run([*command, "-o", path.name, "--iterations", "20"], check=True, cwd=path.parent)


def write_photograph(path: Path, side: int) -> None:
    """Write a photograph, repeated, without ever holding it."""
    import zarr

    photograph, _ = inputs("photograph,2048x2048,2")
    photograph = np.asarray(photograph, np.uint8)
    array = zarr.create_array(
        str(path), shape=(side, side, 3), dtype=np.uint8, chunks=(512, 512, 3), zarr_format=2
    )
    for row in range(0, side, 512):
        strip = photograph[np.arange(row, min(side, row + 512)) % 2048]
        array[row : row + 512] = strip[:, np.arange(side) % 2048]


def segment_some(folder: Path, side: int, blocks: int) -> None:
    """Predict and refine a few blocks of the image in a folder, and print memory after each."""
    import zarr

    from napari_fcn_crf import load_model, predict
    from napari_fcn_crf.batch.here import start_network
    from napari_fcn_crf.data.growing_array import chunks_of
    from napari_fcn_crf.progress import Cancelled, Progress
    from napari_fcn_crf.settings import ComputeSettings

    start_network(ComputeSettings())
    model = load_model(folder / "model.keras")
    predict(model, np.zeros((64, 64, 3), np.uint8))
    image = zarr.open_array(str(folder / "image.zarr"), mode="r")
    # Of which nothing is stored: every class is as likely.
    shape = (2, side, side)
    probabilities = zarr.create_array(
        {}, shape=shape, dtype=np.float32, chunks=chunks_of(shape), fill_value=0.5
    )
    process = psutil.Process()
    before = process.memory_info().rss
    for name, work in (
        ("predict", lambda **control: predict(model, image, **control)),
        ("refine", lambda **control: refine(image, probabilities, **control)),
    ):
        held: list[float] = []

        def note(progress: Progress, held: list[float] = held) -> None:
            held.append((process.memory_info().rss - before) / 1e9)

        def is_enough(held: list[float] = held) -> bool:
            return len(held) > blocks

        with suppress(Cancelled):
            work(on_progress=note, should_stop=is_enough, out=folder / f"{name}.zarr")
        shutil.rmtree(folder / f".{name}.zarr-unfinished", ignore_errors=True)
        shutil.rmtree(folder / f"{name}.zarr", ignore_errors=True)
        above = (peak_memory_bytes() - before) / 1e9
        kept = ", ".join(f"{one:.2f}" for one in held)
        print(
            f"{side} x {side}, {len(held) - 1} blocks of {name}: peak {above:.2f} GB above start; "
            f"between blocks {kept}",
            flush=True,
        )


def segment_on_disk(way: str, folder: Path, side: int) -> None:
    """Segment the image in a folder, and print peak memory above that at start, and seconds."""
    import zarr

    from napari_fcn_crf import load_model, predict
    from napari_fcn_crf.batch.here import start_network
    from napari_fcn_crf.cli.main import main as command
    from napari_fcn_crf.settings import ComputeSettings

    start_network(ComputeSettings())
    model = load_model(folder / "model.keras")
    predict(model, np.zeros((64, 64, 3), np.uint8))
    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    if way == "batch":
        given = [folder / "model.keras", folder / "image.zarr", "-o", folder / "out"]
        assert command(["batch", *map(str, given), "--overwrite"]) == 0
    else:
        image = zarr.open_array(str(folder / "image.zarr"), mode="r")
        probabilities = predict(model, image, out=folder / "probabilities.zarr")
        refine(image, probabilities, out=folder / "refined.zarr")
        for name in ("probabilities.zarr", "refined.zarr"):
            shutil.rmtree(folder / name)
    seconds = time.perf_counter() - started
    above = (peak_memory_bytes() - before) / 1e9
    print(
        f"{side} x {side}, {way}: peak {above:.2f} GB above start; {seconds:.0f} s, "
        f"{seconds / (side / 1000) ** 2:.2f} s a megapixel",
        flush=True,
    )


if __name__ == "__main__":
    main()
