"""Training on what surrounds the strokes: `python -m benchmarks.strokes_only [large] [agreement]`.

"large" trains on a photograph of 6000 x 5000 with eight brush dots as the plugin does, in the
compute process, and prints the seconds and the peak memory of both processes above what they held
before. "agreement" trains on real pairs (see `pairs`) as a whole and on patches alone, and prints
the mean IoU of both and how long patches take beside the whole.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import numpy.typing as npt
import psutil

from benchmarks.crf import inputs
from benchmarks.pairs import Task, data_folder, read_tasks
from napari_fcn_crf.compute.parent.service import ComputeService, TrainingRequest
from napari_fcn_crf.data.annotations import IGNORE
from napari_fcn_crf.progress import Progress
from napari_fcn_crf.results.metrics import mean_iou
from napari_fcn_crf.settings import TrainingSettings

DOT_PX = 10
_SAMPLED_EVERY_S = 0.02


@dataclass
class Memory:
    """Bytes of some processes together, memory that they share counted once."""

    start: int = 0
    peak: int = 0


@contextmanager
def watched(*pids: int) -> Iterator[Memory]:
    """Measure the memory of processes while something runs."""
    processes = [psutil.Process(pid) for pid in pids]

    def used() -> int:
        return sum(process.memory_full_info().pss for process in processes)

    memory, stop = Memory(used()), threading.Event()

    def sample() -> None:
        while not stop.wait(_SAMPLED_EVERY_S):
            memory.peak = max(memory.peak, used())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield memory
    finally:
        stop.set()
        thread.join()


def dotted(rows: int, columns: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return a photograph, repeated up to this size, and eight dots of two classes on it."""
    photograph, coarse = inputs("photograph,2048x2048,2")
    row, column = np.arange(rows) % 2048, np.arange(columns) % 2048
    image = np.ascontiguousarray(np.asarray(photograph, np.uint8)[row][:, column])
    classes = coarse.argmax(axis=0)[row][:, column]
    labels = np.zeros((rows, columns), np.uint8)
    generator = np.random.default_rng(0)
    for number in range(8):
        while True:
            top, left = generator.integers(0, (rows - DOT_PX, columns - DOT_PX))
            place = slice(top, top + DOT_PX), slice(left, left + DOT_PX)
            if (classes[place] == number % 2).all():
                break
        labels[place] = number % 2 + 1
    return image, labels


def large(rows: int, columns: int, settings: TrainingSettings) -> None:
    """Train on a large image and print memory and seconds."""
    image, labels = dotted(rows, columns)
    service = ComputeService()
    service.prepare()
    while not service.is_warm:
        time.sleep(0.1)
    assert service.pid is not None
    phases: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        watched(os.getpid(), service.pid) as memory,
    ):
        process = psutil.Process(service.pid)
        started, before = time.perf_counter(), process.cpu_times()
        request = TrainingRequest(settings)
        job = service.train([image], [labels], request, Path(folder) / "model.keras")
        for progress in job.events():
            assert isinstance(progress, Progress)
            phases.setdefault(progress.phase, time.perf_counter() - started)
        card = job.result()
        seconds, after = time.perf_counter() - started, process.cpu_times()
    service.close()
    busy = after.user + after.system - before.user - before.system
    said = "; ".join(f"{phase} from {began:.1f} s" for phase, began in phases.items())
    print(
        f"{rows} x {columns}, {card.record['mode']} mode, {len(card.losses)} steps: "
        f"{seconds:.1f} s, {busy:.1f} of a processor's, "
        f"{(memory.peak - memory.start) / 1e9:.2f} GB above the "
        f"{memory.start / 1e9:.2f} GB at the start ({said})"
    )


def agreement(n_pairs: int, enlarged: int, settings: TrainingSettings) -> None:
    """Compare training on patches with training on the whole, of real images with a few dots."""
    gaps, ratios = [], []
    tasks = _spread(read_tasks(data_folder()), n_pairs)
    # What networks of many sizes leave behind in a process is gigabytes.
    with get_context("spawn").Pool(1, maxtasksperchild=4) as processes:
        each = processes.imap(partial(_both, enlarged, settings), tasks)
        for task, scores in zip(tasks, each, strict=True):
            (whole, whole_s), (part, part_s) = scores
            gaps.append(part - whole)
            ratios.append(part_s / whole_s)
            rows, columns = (side * enlarged for side in task.truth.shape)
            print(
                f"{task.data_set} {task.name}, {rows} x {columns}: {whole:.4f} whole, "
                f"{gaps[-1]:+.4f} in patches, {ratios[-1]:.2f} times as long",
                flush=True,
            )
    print(
        f"{len(gaps)} pairs: mean IoU {np.mean(gaps):+.4f} in patches, {min(gaps):+.4f} to "
        f"{max(gaps):+.4f}, {np.exp(np.mean(np.log(ratios))):.2f} times as long"
    )


def _both(
    enlarged: int, settings: TrainingSettings, task: Task
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the mean IoU and the seconds of training on the whole, and on patches."""
    large_task = _enlarged(task, enlarged)
    dots = _dots(large_task)
    return (
        _train_and_score(large_task, dots, settings, in_patches=False),
        _train_and_score(large_task, dots, settings, in_patches=True),
    )


def _enlarged(task: Task, factor: int) -> Task:
    image, truth = (
        array.repeat(factor, axis=0).repeat(factor, axis=1) for array in (task.image, task.truth)
    )
    return Task(task.data_set, task.name, image, truth)


def _dots(task: Task) -> npt.NDArray[np.int32]:
    """Return class indices with four dots of each class, and `IGNORE` elsewhere."""
    generator = np.random.default_rng(0)
    dots = np.full(task.truth.shape, IGNORE, np.int32)
    for index in range(task.n_classes):
        for place in generator.choice(np.argwhere(task.truth == index), 4):
            row, column = np.maximum(place - DOT_PX // 2, 0)
            dot = slice(row, row + DOT_PX), slice(column, column + DOT_PX)
            dots[dot] = np.where(task.truth[dot] == index, index, dots[dot])
    return dots


def _spread(tasks: list[Task], count: int) -> list[Task]:
    """Return the largest tasks, one of each data set after the other."""
    by_set: dict[str, list[Task]] = {}
    for task in tasks:
        by_set.setdefault(task.data_set, []).append(task)
    found: list[Task] = []
    while len(found) < min(count, len(tasks)):
        for group in by_set.values():
            if group:
                found.append(group.pop(0))
    return found[:count]


def _train_and_score(
    task: Task, strokes: npt.NDArray[np.int32], settings: TrainingSettings, *, in_patches: bool
) -> tuple[float, float]:
    from napari_fcn_crf.fcn.batches import patches
    from napari_fcn_crf.pipeline import prediction, training

    kept = patches.WHOLE_PX, patches.WHOLE_AT_MOST_PX, patches.LARGEST_SIDE_PX
    # As small as patches are of an image in which they are few.
    patches.WHOLE_PX = patches.WHOLE_AT_MOST_PX = 0 if in_patches else 2**40
    patches.LARGEST_SIDE_PX = 384
    try:
        began = time.process_time()
        model = training.train(task.image, strokes + 1, settings)
        seconds = time.process_time() - began
    finally:
        patches.WHOLE_PX, patches.WHOLE_AT_MOST_PX, patches.LARGEST_SIDE_PX = kept
    labels = prediction.predict(model, task.image).argmax(axis=0)
    return mean_iou(labels, task.truth, task.n_classes), seconds


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["large", "agreement"])
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--columns", type=int, default=5000)
    parser.add_argument("--mode", default="auto", choices=["auto", "quick", "full"])
    parser.add_argument("--architecture", default="hypercolumn")
    parser.add_argument("--iterations", type=int, default=TrainingSettings().iterations)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--enlarged", type=int, default=2, help="times, of the pairs")
    options = parser.parse_args()
    settings = TrainingSettings(
        mode=options.mode, architecture=options.architecture, iterations=options.iterations
    )
    # What dropout leaves out at random makes a difference of several percent by itself.
    sure = replace(settings, dropout=0.0)
    if "large" in options.what:
        large(options.rows, options.columns, settings)
    if "agreement" in options.what:
        agreement(options.pairs, options.enlarged, sure)


if __name__ == "__main__":
    main()
