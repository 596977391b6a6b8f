"""Break what matters most, one thing at a time, and see which test notices.

    python -m benchmarks.mutate [WORD ...]

Each mutation is made in a copy of the tree in a temporary folder. Those whose file or text has one
of the words are made, or all. The exit code is 1 if a mutation passed the tests of its place.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "docs", "*.keras")


@dataclass(frozen=True)
class Mutation:
    """A change that makes a result wrong.

    Parameters
    ----------
    path : str
        Of a file in the package.
    before, after : str
        The file's text, which occurs once in it, and what takes its place.
    meaning : str
        What is then wrong.
    tests : str
        Of its place, as pytest is given them.
    """

    path: str
    before: str
    after: str
    meaning: str
    tests: str


_AGREEMENT = "tests/crf/test_agreement.py"
MUTATIONS = (
    Mutation(
        "crf/lattice.py",
        "math.sqrt(2 / 3) * (d + 1)",
        "1.25 * math.sqrt(2 / 3) * (d + 1)",
        "every sigma is a quarter larger",
        _AGREEMENT,
    ),
    Mutation(
        "crf/dense_crf.py",
        "ratios = (settings.depth_ratio,",
        "ratios = (2 * settings.depth_ratio,",
        "a volume's sigma along z is twice as large",
        f"{_AGREEMENT} tests/crf/test_dense_crf.py -k volume",
    ),
    Mutation(
        "crf/dense_crf.py",
        'settings.gaussian_weight if kind == "smoothness"',
        'settings.gaussian_weight if kind == "appearance"',
        "the kernels' weights are swapped",
        _AGREEMENT,
    ),
    Mutation(
        "crf/unary.py",
        "LEAST_PROBABILITY = np.float32(1e-5)",
        "LEAST_PROBABILITY = np.float32(1e-4)",
        "an absent class is ten times as likely",
        _AGREEMENT,
    ),
    Mutation(
        "crf/_kernels/filtering.py",
        "_HALF = np.float32(0.5)",
        "_HALF = np.float32(0.4)",
        "the blur is narrower",
        _AGREEMENT,
    ),
    Mutation(
        "crf/_kernels/filtering.py",
        "np.float32(1) / np.sqrt(total)",
        "np.float32(1) / total",
        "kernels are not normalised symmetrically",
        _AGREEMENT,
    ),
    Mutation(
        "fcn/layers/upsampling.py",
        "(size - 1) / 2",
        "size / 2",
        "upsampled scores are half a pixel off",
        "tests/fcn/test_upsampling.py",
    ),
    Mutation(
        "fcn/training/loss.py",
        "weights /= weights.sum()",
        "weights /= annotated.sum()",
        "the mean is not one of weighted pixels",
        "tests/fcn/test_training.py -k targets",
    ),
    Mutation(
        "fcn/layers/padding.py",
        'mode="reflect"',
        'mode="edge"',
        "images are continued by their borders, not mirrored",
        "tests/fcn/test_prediction.py tests/fcn/test_training.py -k padding",
    ),
    Mutation(
        "data/intensity.py",
        "(0.5, 99.5)",
        "(2.0, 98.0)",
        "four times as many pixels are outside 0 to 255",
        "tests/data/test_intensity.py",
    ),
    Mutation(
        "data/intensity.py",
        "_PADDING_GAP_AT_END = 0.25",
        "_PADDING_GAP_AT_END = 25.0",
        "padding counts as intensities",
        "tests/data/test_intensity.py",
    ),
    Mutation(
        "data/intensity.py",
        "low.append(_finite(one - start * unit))",
        "low.append(_finite(one))",
        "an image of another type is mapped to 0 to 255, not to where the model's images were",
        "tests/data/test_intensity.py",
    ),
    Mutation(
        "data/picture.py",
        'np.moveaxis(array, self.axes.index("c"), -1)[..., : self.channels]',
        'np.moveaxis(array, self.axes.index("c"), -1)[..., :]',
        "transparency is a channel",
        "tests/data/test_picture.py",
    ),
    Mutation(
        "data/picture.py",
        "    while len(shape) - first > 2 and shape[first] == 1:",
        "    while len(shape) - first > 2 and shape[first] == 0:",
        "images of a single plane and labels without it do not fit",
        "tests/data/test_picture.py",
    ),
    Mutation(
        "data/picture.py",
        'after = before.replace("y", "").replace("x", "") + "yx"',
        'after = before.replace("y", "").replace("x", "") + "xy"',
        "where planes are the last axis, rows are columns",
        "tests/data/test_picture.py tests/data/test_cases_tiff.py",
    ),
    Mutation(
        "data/place.py",
        "SAME_WITHIN_PX = 0.1",
        "SAME_WITHIN_PX = 1.0",
        "labels may be off by a pixel",
        "tests/data/test_place.py",
    ),
    Mutation(
        "data/place.py",
        "ours[axis] /= self.said_in[axis]",
        "ours[axis] /= 1.0",
        "without a unit, the same numbers are not the same place",
        "tests/data/test_place.py",
    ),
    Mutation(
        "data/place.py",
        "np.linalg.norm(self.matrix[:-1, :-1], axis=0)",
        "np.linalg.norm(self.matrix[:-1, :-1], axis=1)",
        "of a sheared image, pixels have another size",
        "tests/data/test_place.py",
    ),
    Mutation(
        "data/reading/tiff_colours.py",
        "opposite: Array = most - array",
        "opposite: Array = array",
        "gray of which 0 is white is dark where it is bright",
        "tests/data/test_cases_tiff.py",
    ),
    Mutation(
        "data/reading/tiff_axes.py",
        "array = np.moveaxis(array, channel, sample if sample < channel else sample - 1)",
        "array = np.moveaxis(array, channel, 0)",
        "colours of several channels are mixed",
        "tests/data/test_cases_tiff.py",
    ),
    Mutation(
        "data/reading/orientation.py",
        "if raster.orientation in (2, 3, 6, 7):",
        "if raster.orientation in (2, 3, 5, 8):",
        "photographs are turned the other way",
        "tests/data/test_cases_pictures.py -k turned",
    ),
    Mutation(
        "data/reading/tiff_spacing.py",
        '**dict.fromkeys(("cm", "centimeter", "centimeters"), 1e-2),',
        '**dict.fromkeys(("cm", "centimeter", "centimeters"), 1e-3),',
        "centimetres are millimetres",
        "tests/data/test_cases_more.py -k units",
    ),
    Mutation(
        "data/source_file.py",
        "if tuple(size for _, size in found) == shape:",
        "if len(found) == len(shape):",
        "an array that is not the file's has the file's axes",
        "tests/data/test_source_file.py",
    ),
    Mutation(
        "data/label_doubts.py",
        "return UNLABELLED if negative == [UNLABELLED] else outlining_void(statistics)",
        "return outlining_void(statistics)",
        "-1 is a class",
        "tests/data/test_label_doubts.py",
    ),
    Mutation(
        "data/writing.py",
        "resolution=resolution,",
        "resolution=None,",
        "results have no pixel size that other programs read",
        "tests/data/test_image_files.py",
    ),
    Mutation(
        "compute/parent/job.py",
        "        self.cancel_requested.set()",
        "        self.done",
        "a job cannot be cancelled",
        "tests/compute/test_job.py",
    ),
    Mutation(
        "compute/parent/child.py",
        "        self._process.kill()",
        "        self._process.stdin.flush()",
        "a process that does not answer is not ended",
        "tests/compute/test_end.py -k cancel",
    ),
    Mutation(
        "compute/child/tasks.py",
        "lambda: bool(task.cancel_requested)",
        "lambda: False",
        "a task is not stopped, it is killed",
        "tests/compute/test_service.py -k cancelled",
    ),
    Mutation(
        "compute/child/worker.py",
        "while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:",
        "while True:",
        "the process goes on without its parent",
        "tests/compute/test_end.py -k parent",
    ),
    Mutation(
        "compute/shared.py",
        "= source[first : first + rows]",
        "= source[first : first + rows][::-1]",
        "of a large array, each piece is handed over upside down",
        "tests/compute/test_shared.py",
    ),
    Mutation(
        "compute/shared.py",
        "array.dtype.str, list(array.shape), size",
        'array.dtype.str.lstrip("<>"), list(array.shape), size',
        "the order of bytes is lost on the way",
        "tests/compute/test_shared.py",
    ),
    Mutation(
        "compute/child/tasks.py",
        "first, second = np.diff(times)[-2:]",
        "second, first = np.diff(times)[-2:]",
        "the first step's time is told as the others'",
        "tests/compute/test_tasks.py",
    ),
    Mutation(
        "data/label_statistics.py",
        "total[value] = total.get(value, 0) + count",
        "total[value] = count",
        "only the last block of labels is counted",
        "tests/data/test_annotations.py",
    ),
    Mutation(
        "model/card.py",
        "tuple(map(float, colour)) for colour in",
        "tuple(map(round, colour)) for colour in",
        "class colours are read as whole numbers",
        "tests/model/test_card.py",
    ),
    Mutation(
        "model/card.py",
        'losses=tuple(map(float, values["losses"]))',
        'losses=tuple(map(np.float32, values["losses"]))',
        "losses are read in single precision",
        "tests/model/test_card.py",
    ),
    Mutation(
        "settings_base.py",
        "return cls(**{name: value for name, value in values.items() if name in known})",
        "return cls()",
        "settings that were saved are the defaults",
        "tests/test_settings.py",
    ),
    Mutation(
        "weights/download.py",
        'known_hash=f"md5:{self.weights.md5}"',
        "known_hash=None",
        "a download's hash is not checked",
        "tests/weights/test_download.py",
    ),
    Mutation(
        "weights/download.py",
        "self.received_bytes += len(chunk)",
        "self.received_bytes = len(chunk)",
        "a download's progress is its last piece's",
        "tests/weights/test_download.py",
    ),
    Mutation(
        "data/probability_sources.py",
        'if value != 0 or zero == "background"',
        'if value != 0 or zero == "unknown"',
        "of labels, 0 is a class where it should be unknown",
        "tests/data/test_probability_sources.py",
    ),
    Mutation(
        "data/probability_sources.py",
        "np.moveaxis(array, axis, 0)",
        "np.swapaxes(array, axis, 0)",
        "where the classes are the last axis, rows are columns",
        "tests/data/test_probability_sources.py",
    ),
    Mutation(
        "ui/viewer/layers.py",
        "colours = [labels.get_color(value) for value in values]",
        "colours = [labels.get_color(value + 1) for value in values]",
        "a class has its neighbour's colour",
        "tests/ui/test_training_choices.py -k colours",
    ),
    Mutation(
        "ui/session/label_counts.py",
        'threading.Thread(target=work, name="fcn-crf label counts", daemon=True).start()',
        "work()",
        "labels are counted on the main thread",
        "tests/ui/test_event_loop.py -k stack",
    ),
    Mutation(
        "ui/sections/source_choice.py",
        "self._session.selection.choose_sources(self._offered[index])",
        "self._session.selection.choose_sources(self._offered[0])",
        "whichever source is chosen, it is the first",
        "tests/ui/test_refine_step.py -k source",
    ),
)


def notice(mutation: Mutation, tree: Path, cache: Path) -> str | None:
    """Return the first test that fails with a mutation, or None; leave the tree as it was."""
    file = tree / "napari_fcn_crf" / mutation.path
    text = file.read_text("utf-8")
    if text.count(mutation.before) != 1:
        raise ValueError(f"Expected once in {mutation.path}: {mutation.before}. Mend the mutation.")
    file.write_text(text.replace(mutation.before, mutation.after), "utf-8")
    try:
        return first_failure(mutation.tests, tree, cache)
    finally:
        file.write_text(text, "utf-8")


def first_failure(tests: str, tree: Path, cache: Path) -> str | None:
    """Run tests in a tree and return the first that fails, or None if all pass."""
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests.split()],
        cwd=tree,
        env={**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", ended.stdout, re.MULTILINE)
    if ended.returncode not in (0, 1) and not failed:
        raise RuntimeError(f"pytest could not run {tests}:\n{ended.stdout}{ended.stderr}")
    return failed[1] if failed else None


def main() -> int:
    """Make the mutations and print a table."""
    words = sys.argv[1:]
    chosen = [m for m in MUTATIONS if not words or any(w in m.path + m.meaning for w in words)]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        tree, cache = Path(folder) / "tree", Path(folder) / "cache"
        shutil.copytree(ROOT, tree, ignore=_LEFT_OUT)
        for tests in dict.fromkeys(mutation.tests for mutation in chosen):
            failed = first_failure(tests, tree, cache)
            if failed:
                raise RuntimeError(f"{failed} fails without any mutation. Mend that first.")
        print("| place | what is wrong | noticed by |\n|---|---|---|", flush=True)
        for mutation in chosen:
            noticed = notice(mutation, tree, cache)
            missed += noticed is None
            row = mutation.path, mutation.meaning, f"`{noticed}`" if noticed else "**nothing**"
            print(f"| {' | '.join(row)} |", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
