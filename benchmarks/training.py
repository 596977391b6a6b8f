"""Quick training against full, and the time from a click to refined labels, on the sample cat.

python -m benchmarks.training [--weights FILE|bundled|random] [--iterations N] ...
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import psutil

from napari_fcn_crf import refine
from napari_fcn_crf.compute.allocation import keep_freed_memory
from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.data import samples
from napari_fcn_crf.pipeline import prediction, training
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.results.metrics import mean_iou
from napari_fcn_crf.settings import Architecture, ComputeSettings, TrainingMode, TrainingSettings

N_CLASSES = 2


@dataclass(frozen=True)
class Result:
    """How one way of training did.

    Parameters
    ----------
    mode : str
        What was trained: "quick" or "full".
    step_seconds : float
        Median over the steps but the first, which compiles.
    before, after : float
        Mean IoU of the cat and what is beside it, before and after the CRF.
    """

    mode: str
    step_seconds: float
    before: float
    after: float


def truth() -> np.ndarray:
    """Return the class index of each pixel: 0 beside the cat, 1 on it, as its scribbles have it."""
    return np.asarray(samples.load("cat_annotation"), np.int32)


def measure(settings: TrainingSettings) -> Result:
    """Train, predict and refine in this process."""
    image, scribbles = samples.load("cat"), samples.load("cat_scribbles")
    times: list[float] = []

    def note(progress: Progress) -> None:
        if progress.loss is not None:
            times.append(time.perf_counter())

    model = training.train(image, scribbles, settings, note)
    probabilities = prediction.predict(model, image)
    before, after = (
        mean_iou(values.argmax(axis=0), truth(), N_CLASSES)
        for values in (probabilities, refine(image, probabilities))
    )
    seconds = float(np.median(np.diff(times)))
    return Result(str(model.card.record["mode"]), seconds, before, after)


def click_to_labels(
    service: ComputeService, settings: TrainingSettings, folder: Path
) -> tuple[float, float]:
    """Return the seconds from the start of a training to refined labels, and those of processors.

    The second number is as good on a busy computer.
    """
    image, scribbles = samples.load("cat"), samples.load("cat_scribbles")
    path = folder / "cat.keras"
    spent, started = processor_seconds(service), time.perf_counter()
    card = service.train([image], [scribbles], TrainingRequest(settings), path).result()
    probabilities = service.predict(path, image).result()
    card.to_labels(refine(image, probabilities))
    return time.perf_counter() - started, processor_seconds(service) - spent


def processor_seconds(service: ComputeService) -> float:
    """Return what this process and the compute process have used so far."""
    pids = [os.getpid()] if service.pid is None else [os.getpid(), service.pid]
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(one.user + one.system for one in times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=get_args(Architecture), default="hypercolumn")
    parser.add_argument("--weights", default="bundled", help="a file, bundled or random")
    parser.add_argument("--iterations", type=int, default=100, help="of each training")
    options = parser.parse_args()
    # What is trained in this process is trained as the compute process does it.
    keep_freed_memory()
    settings = TrainingSettings(
        architecture=options.architecture,
        weights=options.weights,
        iterations=options.iterations,
        mode="quick",
    )
    rows, columns = truth().shape
    load = psutil.getloadavg()[0]
    print(
        f"{options.architecture}, {options.weights} weights, {options.iterations} steps, cat "
        f"{rows} x {columns} px, {os.cpu_count()} cores, load {load:.1f} before it starts"
    )
    service = ComputeService()
    service.configure(ComputeSettings(device="cpu"))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for state in ("cold", "prepared", "warm", "warm"):
                if state == "prepared":
                    # As the dock does it as soon as there is something to train on.
                    service.close()
                    service.prepare()
                    while not service.is_warm:
                        time.sleep(0.1)
                seconds, processors = click_to_labels(service, settings, Path(folder))
                print(
                    f"from click to refined labels, {state}: {seconds:.1f} s, "
                    f"{processors:.1f} s of processors"
                )
    finally:
        service.close()
    modes: tuple[TrainingMode, ...] = ("quick", "full")
    results = [measure(replace(settings, mode=mode)) for mode in modes]
    for result in results:
        print(
            f"{result.mode:5}  {result.step_seconds:.3f} s a step, mean IoU {result.before:.3f}, "
            f"after the CRF {result.after:.3f}"
        )
    quick, full = results
    print(
        f"quick against full: {full.step_seconds / quick.step_seconds:.1f} times as fast a step, "
        f"IoU after the CRF {quick.after - full.after:+.3f}"
    )


if __name__ == "__main__":
    main()
