"""Every head on genuine VGG-16 weights against the same head on the bundled ones.

    python -m benchmarks.genuine FILE [--heads ...] [--modes ...] [--iterations N] ...

FILE is any file with the thirteen convolutions of the full VGG-16. What is measured: mean IoU
before and after the CRF on the sample cat's scribbles and on photographs, and how far any loss
rises above the first. The photographs are not part of the project; `pairs.data_folder` says where
they are looked for.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import numpy.typing as npt

from benchmarks.pairs import Task, data_folder, read_tasks
from benchmarks.strokes import draw_strokes
from napari_fcn_crf.data import samples
from napari_fcn_crf.pipeline import prediction, refinement, training
from napari_fcn_crf.results.metrics import mean_iou
from napari_fcn_crf.settings import Architecture, CRFSettings, TrainingMode, TrainingSettings

PHOTOGRAPHS = ("bsds500", "camvid", "grabcut", "voc_convcrf", "voc_lwrefinenet")
SAMPLE = "sample"
LARGEST_RISE = 2.0
"""Of a loss above the first that is not called a leap."""

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Result:
    """How one training went.

    Parameters
    ----------
    head, mode, weights, case : str
    iterations : int
    before, after : float
        Mean IoU over the classes, before and after the CRF.
    rise : float
        The largest loss over the first.
    seconds : float
        Of training and predicting.
    """

    head: str
    mode: str
    weights: str
    case: str
    iterations: int
    before: float
    after: float
    rise: float
    seconds: float


def cases(folder: Path) -> Iterator[tuple[Task, Labels]]:
    """Iterate over the sample and the photographs, with labels in which 0 is not annotated."""
    truth = samples.load("cat_annotation").astype(np.int32)
    yield Task(SAMPLE, "cat", samples.load("cat"), truth), samples.load("cat_scribbles")
    for task in read_tasks(folder):
        if task.data_set in PHOTOGRAPHS:
            yield task, draw_strokes(task.truth) + 1


def measure(settings: TrainingSettings, weights: str, task: Task, labels: Labels) -> Result:
    """Train on an image's strokes, predict and refine it."""
    started = time.perf_counter()
    model = training.train(task.image, labels, settings)
    probabilities = prediction.predict(model, task.image)
    seconds = time.perf_counter() - started
    marginals = refinement.refine(task.image, probabilities, CRFSettings())
    before, after = (
        mean_iou(values.argmax(axis=0), task.truth, task.n_classes)
        for values in (probabilities, marginals)
    )
    losses = model.card.losses
    return Result(
        head=settings.architecture,
        mode=settings.mode,
        weights=weights,
        case=f"{task.data_set}/{task.name}",
        iterations=settings.iterations,
        before=float(before),
        after=float(after),
        rise=max(losses) / losses[0],
        seconds=seconds,
    )


def table(results: list[Result]) -> str:
    """Return, for each head and mode, the means on the sample and the photographs as Markdown."""
    groups: dict[tuple[str, str, int], list[Result]] = defaultdict(list)
    for result in results:
        groups[result.head, result.mode, result.iterations].append(result)
    lines = [
        "| head, mode, steps | images | bundled | genuine | largest loss / first | holds |",
        "|---|---|---|---|---|---|",
    ]
    for (head, mode, iterations), group in groups.items():
        for name, is_in in (("sample", True), ("photographs", False)):
            found = {
                weights: {
                    result.case: result
                    for result in group
                    if result.weights == weights and result.case.startswith(SAMPLE) is is_in
                }
                for weights in ("bundled", "genuine")
            }
            both = sorted(set(found["bundled"]) & set(found["genuine"]))
            if not both:
                continue
            means = {
                weights: np.mean([(of[case].before, of[case].after) for case in both], axis=0)
                for weights, of in found.items()
            }
            rise = max(found["genuine"][case].rise for case in both)
            holds = rise <= LARGEST_RISE and means["genuine"][1] >= means["bundled"][1]
            cells = [f"{before:.3f} / {after:.3f}" for before, after in means.values()]
            lines.append(
                f"| {head}, {mode}, {iterations} | {name} ({len(both)}) | {' | '.join(cells)} "
                f"| {rise:.2f} | {'yes' if holds else 'NO'} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure what is asked for and print the table."""
    heads, modes = get_args(Architecture), ("quick", "full")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="genuine weights of the full VGG-16")
    parser.add_argument("--heads", nargs="*", default=heads, choices=heads)
    parser.add_argument("--modes", nargs="*", default=modes, choices=modes)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--cases", nargs="*", help="those with one of these in their names")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--results", type=Path, help="JSON lines; what is there is not run again")
    options = parser.parse_args()
    results = []
    if options.results and options.results.exists():
        results = [Result(**json.loads(line)) for line in options.results.read_text().splitlines()]
    known = {(one.head, one.mode, one.weights, one.case, one.iterations) for one in results}
    weights: dict[str, str | Path] = {"bundled": "bundled", "genuine": options.file}
    for task, labels in cases(options.data):
        case = f"{task.data_set}/{task.name}"
        if options.cases and not any(part in case for part in options.cases):
            continue
        for head in options.heads:
            for mode in options.modes:
                for name, start in weights.items():
                    if (head, mode, name, case, options.iterations) in known:
                        continue
                    chosen: TrainingMode = mode
                    settings = TrainingSettings(
                        architecture=head,
                        backbone="vgg16" if name == "genuine" else "vgg16-compact",
                        weights=start,
                        iterations=options.iterations,
                        mode=chosen,
                    )
                    result = measure(settings, name, task, labels)
                    results.append(result)
                    if options.results:
                        with options.results.open("a") as file:
                            file.write(json.dumps(asdict(result)) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
