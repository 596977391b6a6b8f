"""What tuning the CRF on the strokes gives: mean IoU of the network, with the CRF, and tuned.

    python -m benchmarks.refinement [--largest PX] [--budget SECONDS] [--crf PRESET] ...

The network is trained on a few strokes a class with the default settings, and the CRF is tuned on
the same strokes. The images are not part of the project; `pairs.data_folder` says where they are
looked for.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.methods import Probabilities, network
from benchmarks.pairs import Task, data_folder, read_tasks
from benchmarks.strokes import draw_strokes
from napari_fcn_crf import refine
from napari_fcn_crf.crf import presets
from napari_fcn_crf.crf.tuning.edge_sensitivity import tune
from napari_fcn_crf.results.metrics import mean_iou
from napari_fcn_crf.settings import CRFSettings, TrainingSettings

TOLERANCE = 0.005
"""By how much tuning may lower an image's mean IoU."""


@dataclass(frozen=True)
class Result:
    """How the three did on one image.

    Parameters
    ----------
    data_set, name : str
    network, default, tuned : float
        Mean IoU over the classes: of the network's most probable class, after the CRF with the
        settings that tuning starts from, and after the CRF with those that tuning found.
    trials : int
        Settings that were tried.
    settings : dict
        What was found.
    """

    data_set: str
    name: str
    network: float
    default: float
    tuned: float
    trials: int
    settings: dict[str, object]


def measure(task: Task, start: CRFSettings, budget_s: float, kept: Path) -> Result:
    """Train or read the network's probabilities, refine, tune, and refine again."""
    strokes = draw_strokes(task.truth)
    probabilities = _probabilities(task, kept)
    found = tune(np.atleast_3d(task.image), probabilities, strokes, start, budget_s=budget_s)
    default, tuned = (
        refine(task.image, probabilities, settings) for settings in (start, found.settings)
    )
    scores = (
        mean_iou(values.argmax(axis=0), task.truth, task.n_classes)
        for values in (probabilities, default, tuned)
    )
    return Result(task.data_set, task.name, *scores, found.trials, found.settings.to_dict())


def table(results: list[Result]) -> str:
    """Return means by data set as a Markdown table, and how many images tuning made worse."""
    lines = [
        "| images | network | default CRF | tuned CRF | worst change | best change |",
        "|---|---|---|---|---|---|",
    ]
    for data_set in [*sorted({result.data_set for result in results}), "all"]:
        group = [result for result in results if data_set in (result.data_set, "all")]
        means = (
            np.mean([getattr(result, field) for result in group])
            for field in ("network", "default", "tuned")
        )
        changes = [result.tuned - result.default for result in group]
        cells = [f"{mean:.3f}" for mean in means]
        cells += [f"{min(changes):+.3f}", f"{max(changes):+.3f}"]
        lines.append(f"| {data_set} ({len(group)}) | " + " | ".join(cells) + " |")
    changes = [result.tuned - result.default for result in results]
    lowered = sum(change < -TOLERANCE for change in changes)
    raised = sum(change > TOLERANCE for change in changes)
    lines += [
        "",
        f"Tuning raised the mean IoU by more than {TOLERANCE} on {raised} of {len(results)} "
        f"images, lowered it by more on {lowered}, and changed it by {np.mean(changes):+.4f} on "
        "average.",
    ]
    return "\n".join(lines)


def _probabilities(task: Task, kept: Path) -> Probabilities:
    file = kept / f"{task.data_set}_{task.name}.npy"
    if not file.exists():
        made = network(TrainingSettings())(task.image, draw_strokes(task.truth))
        unfinished = file.with_suffix(".unfinished.npy")
        np.save(unfinished, made)
        unfinished.replace(file)
    probabilities: Probabilities = np.load(file)
    return probabilities


def main() -> None:
    """Measure what is not measured yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=float, default=20.0, help="seconds of tuning an image")
    parser.add_argument("--crf", default="Default", choices=presets.PUBLISHED, help="start")
    parser.add_argument("--data", type=Path, default=data_folder())
    parser.add_argument("--data-sets", nargs="*", help="these alone")
    parser.add_argument("--largest", type=int, default=10**9, help="leave out images with more px")
    parser.add_argument("--results", type=Path, help="JSON lines; what is there is not run again")
    parser.add_argument(
        "--probabilities",
        type=Path,
        default=Path(tempfile.gettempdir()) / "napari-fcn-crf-refinement",
        help="where networks' probabilities are kept, so that tuning alone is measured again",
    )
    options = parser.parse_args()
    options.probabilities.mkdir(parents=True, exist_ok=True)
    results = []
    if options.results and options.results.exists():
        results = [Result(**json.loads(line)) for line in options.results.read_text().splitlines()]
    done = {(result.data_set, result.name) for result in results}
    # Small images first: an interrupted run has measured the most it could.
    for task in sorted(read_tasks(options.data), key=lambda task: task.truth.size):
        if task.truth.size > options.largest or (task.data_set, task.name) in done:
            continue
        if options.data_sets and task.data_set not in options.data_sets:
            continue
        start = presets.PUBLISHED[options.crf]
        result = measure(task, start, options.budget, options.probabilities)
        results.append(result)
        print(
            f"{result.data_set} {result.name}: {result.network:.3f}, {result.default:.3f}, "
            f"{result.tuned:.3f} after {result.trials} trials",
            flush=True,
        )
        if options.results:
            with options.results.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")
    if results:
        print(table(results))


if __name__ == "__main__":
    main()
