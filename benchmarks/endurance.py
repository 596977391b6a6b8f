"""Memory of a compute process that trains and predicts again and again.

    python -m benchmarks.endurance [--rounds N] [--every N] [--backend NAME] [--mode quick|full]

Each round trains a small network anew, or goes on with the one before, and predicts with it. The
table shows the resident memory of the process and of its parent, and how many files and shared
blocks they hold; over hundreds of rounds none of it may grow.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.settings import ComputeSettings, TrainingSettings


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--every", type=int, default=20)
    parser.add_argument("--backend", default="tensorflow")
    parser.add_argument("--mode", default="quick")
    options = parser.parse_args()
    image = np.random.default_rng(0).integers(0, 60, (64, 64, 3), dtype=np.uint8)
    image[:, 32:] += 150
    labels = np.zeros((64, 64), np.int32)
    labels[10:50, 5:10] = 1
    labels[10:50, 50:60] = 7

    settings = TrainingSettings(iterations=2, mode=options.mode)
    service = ComputeService()
    service.configure(ComputeSettings(device="cpu", backend=options.backend))
    print("| round | compute process, MB | parent, MB | open files | shared blocks |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        for number in range(options.rounds + 1):
            goes_on = path if number % 3 == 2 else None
            one = replace(settings, iterations=1 + number % 2)
            request = TrainingRequest(one, resume_path=goes_on)
            service.train([image], [labels], request, path).result()
            service.predict(path, image).result()
            if number % options.every == 0:
                print(_row(number, psutil.Process(service.pid)), flush=True)
    service.close()


def _row(number: int, child: psutil.Process) -> str:
    parent = psutil.Process()
    sizes = [process.memory_info().rss / 2**20 for process in (child, parent)]
    files = child.num_fds() + parent.num_fds() if hasattr(child, "num_fds") else "?"
    blocks = len(list(Path("/dev/shm").glob(f"nfc_{os.getpid()}_*")))
    return f"| {number} | {sizes[0]:.0f} | {sizes[1]:.0f} | {files} | {blocks} |"


if __name__ == "__main__":
    main()
