"""Images too large for one lattice: `python -m benchmarks.large`.

Prints how many labels of a 2048 x 2048 photograph are the same whether it is refined whole or in
parts, and the peak memory of refining 10000 x 10000 pixels with two classes, all arrays included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np
import psutil

from benchmarks.crf import inputs
from napari_fcn_crf import refine
from napari_fcn_crf.crf import dense_crf
from napari_fcn_crf.demo.sample_run import peak_memory_bytes


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=10000, help="of the large image, in pixels")
    parser.add_argument("--peak", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak:
        refine_large(chosen.side)
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


if __name__ == "__main__":
    main()
