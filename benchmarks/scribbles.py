"""A few strokes a class on real images: mean IoU before and after the CRF, seconds an image.

    python -m benchmarks.scribbles [--methods ...] [--vgg FILE]

The images are not part of the project; `pairs.data_folder` says where they are looked for.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import get_args

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.methods import Method, forest, network, solved
from benchmarks.pairs import Task, data_folder, read_tasks
from benchmarks.strokes import draw_strokes
from napari_fcn_crf import refine
from napari_fcn_crf.crf import presets
from napari_fcn_crf.results.metrics import mean_iou
from napari_fcn_crf.settings import (
    Architecture,
    CRFEngine,
    CRFSettings,
    TrainingMode,
    TrainingSettings,
)

ARCHITECTURES: tuple[Architecture, ...] = ("hypercolumn", "fcn8s", "fcn16s", "fcn32s", "largefov")
DEFAULT = ("forest", "hypercolumn/random/quick", "hypercolumn/bundled/quick")


@dataclass(frozen=True)
class Result:
    """How one method did on one image.

    Parameters
    ----------
    method, data_set, name : str
    before, after : float
        Mean IoU over the classes, before and after the CRF.
    seconds : float
        Of training and predicting, without the CRF.
    """

    method: str
    data_set: str
    name: str
    before: float
    after: float
    seconds: float


def methods(vgg: Path | None) -> dict[str, Method]:
    """Return every method by name: "forest" and "architecture/weights/mode".

    In quick mode the backbone is frozen, in full mode everything is trained, in a hundred steps;
    "solved" is a network before the first of them, as it is trained where nobody asks for more.
    """
    found: dict[str, Method] = {"forest": forest}
    weights = {"random": "random", "bundled": "bundled"} | ({"vgg16": vgg} if vgg else {})
    modes: tuple[TrainingMode, ...] = ("quick", "full")
    for architecture, (name, value), mode in product(ARCHITECTURES, weights.items(), modes):
        settings = TrainingSettings(
            architecture=architecture,
            backbone="vgg16" if name == "vgg16" else "vgg16-compact",
            weights=value,
            mode=mode,
            iterations=100,
        )
        found[f"{architecture}/{name}/{mode}"] = network(settings)
        if architecture == "hypercolumn" or name == "bundled":
            found[f"{architecture}/{name}/solved"] = solved(settings)
    return found


def measure(method: Method, name: str, task: Task, crf: CRFSettings) -> Result:
    """Run a method on one image."""
    strokes = draw_strokes(task.truth)
    started = time.perf_counter()
    probabilities = method(task.image, strokes)
    seconds = time.perf_counter() - started
    marginals = refine(task.image, probabilities, crf)
    before, after = (
        mean_iou(values.argmax(axis=0), task.truth, task.n_classes)
        for values in (probabilities, marginals)
    )
    return Result(name, task.data_set, task.name, before, after, seconds)


def table(results: list[Result]) -> str:
    """Return the means by data set and method as a Markdown table: before / after, seconds."""
    names = list(dict.fromkeys(result.method for result in results))
    grouped: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        for data_set in (result.data_set, "all"):
            grouped[data_set, result.method].append(result)
    lines = [
        "| images | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for data_set in [*sorted({result.data_set for result in results}), "all"]:
        count = max(len(grouped[data_set, name]) for name in names)
        cells = []
        for name in names:
            group = grouped[data_set, name]
            if not group:
                cells.append("")
                continue
            before, after, seconds = (
                np.mean([getattr(result, field) for result in group])
                for field in ("before", "after", "seconds")
            )
            cells.append(f"{before:.3f} / {after:.3f}, {seconds:.1f} s")
        lines.append(f"| {data_set} ({count}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure the methods asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vgg", type=Path, help="a file with the full VGG-16's weights")
    parser.add_argument("--methods", nargs="*", default=list(DEFAULT))
    parser.add_argument("--list", action="store_true", help="print the methods' names and stop")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--data-sets", nargs="*", help="these alone")
    parser.add_argument("--largest", type=int, default=10**9, help="leave out images with more px")
    parser.add_argument("--results", type=Path, help="JSON lines; what is there is not run again")
    parser.add_argument("--engine", default="builtin", choices=get_args(CRFEngine), help="CRF")
    parser.add_argument("--crf", default="Default", choices=presets.PUBLISHED, help="its settings")
    options = parser.parse_args()
    known = methods(options.vgg)
    if options.list:
        print("\n".join(known))
        return
    if unknown := set(options.methods) - set(known):
        parser.error(f"unknown methods: {', '.join(sorted(unknown))}; --list names all")
    results = []
    if options.results and options.results.exists():
        results = [Result(**json.loads(line)) for line in options.results.read_text().splitlines()]
    done = {(result.method, result.data_set, result.name) for result in results}
    # Small images first: an interrupted run has measured the most it could.
    for task in sorted(read_tasks(options.data), key=lambda task: task.truth.size):
        if task.truth.size > options.largest:
            continue
        if options.data_sets and task.data_set not in options.data_sets:
            continue
        for name in options.methods:
            if (name, task.data_set, task.name) in done:
                continue
            crf = replace(presets.PUBLISHED[options.crf], engine=options.engine)
            result = measure(known[name], name, task, crf)
            results.append(result)
            if options.results:
                with options.results.open("a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
    print(table([result for result in results if result.method in options.methods]))


if __name__ == "__main__":
    main()
