"""Time and memory of the dense CRF beside pydensecrf2: `python -m benchmarks.crf`.

Both are given probabilities and make marginals: unary, features, lattices, inference. Each pair is
run one after the other in one process, after one warm-up, and the median of the ratios is printed.
`floor` is our time over what the memory traffic alone would take: bytes that five iterations must
move (slots, weights and log-odds of every pixel) at the measured speed of copying. `refine` is the
processor time of `nfc.refine`, with its checks and its intensities, over that of `DenseCRF.infer`,
both in one thread.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage import data, transform

from napari_fcn_crf import refine
from napari_fcn_crf.compute.allocation import return_freed_memory
from napari_fcn_crf.crf.dense_crf import DenseCRF
from napari_fcn_crf.settings import CRFSettings
from napari_fcn_crf.threads import limit_threads

SIZES = ((300, 451), (600, 902), (1200, 1804), (2048, 2048))
CLASSES = (2, 3, 21)
SETTINGS = CRFSettings.paper()

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join(f"{r}x{c}" for r, c in SIZES))
    parser.add_argument("--classes", default=",".join(map(str, CLASSES)))
    parser.add_argument("--images", default="photograph,noise")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--memory", action="store_true", help="measure peak memory, too")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.peak:
        _print_peak(chosen.peak, chosen.threads)
        return
    speed = copy_speed()
    print(f"copying: {speed / 1e9:.1f} GB/s")
    print(
        "| image | size | classes | ours ms | pydensecrf2 ms | ratio | CPU ratio | floor | refine "
        "| memory |"
    )
    print("|---" * 10 + "|")
    for kind in chosen.images.split(","):
        for size in chosen.sizes.split(","):
            for classes in map(int, chosen.classes.split(",")):
                case = f"{kind},{size},{classes}"
                memory = f"{_peak_ratio(case, chosen.threads):.2f}" if chosen.memory else ""
                print(row(case, chosen.pairs, chosen.threads, speed, memory), flush=True)


def row(case: str, pairs: int, threads: int | None, speed: float, memory: str) -> str:
    """Return a line of the table."""
    image, given = inputs(case)
    ours(image, given, threads)
    walls, cpus = [], []
    for _ in range(pairs):
        theirs_wall, theirs_cpu = timed(lambda: pydensecrf(image, given))
        ours_wall, ours_cpu = timed(lambda: ours(image, given, threads))
        walls.append((ours_wall, theirs_wall))
        cpus.append(theirs_cpu / ours_cpu)
    mine, peers = (statistics.median(column) for column in zip(*walls, strict=True))
    ratio = statistics.median(theirs / own for own, theirs in walls)
    kind, size, classes = case.split(",")
    # 9 corners of 6 bytes, and the log-odds, once an iteration and once to begin with.
    traffic = given[0].size * (9 * 6 + 4 * (len(given) - 1)) * (SETTINGS.iterations + 1)
    return (
        f"| {kind} | {size} | {classes} | {mine * 1e3:.0f} | {peers * 1e3:.0f} | {ratio:.1f} | "
        f"{statistics.median(cpus):.1f} | {mine / (traffic / speed):.1f} | "
        f"{refine_ratio(image, given, pairs):.2f} | {memory} |"
    )


def refine_ratio(image: Image, given: Floats, pairs: int) -> float:
    """Return the processor time of `nfc.refine` over that of the CRF alone, in one thread."""
    limit_threads(1)
    try:
        refine(image, given, SETTINGS)
        ratios = []
        for _ in range(pairs):
            _, alone = timed(lambda: ours(image, given, 1))
            _, whole = timed(lambda: refine(image, given, SETTINGS))
            ratios.append(whole / alone)
    finally:
        limit_threads(0)
    return statistics.median(ratios)


def inputs(case: str) -> tuple[Image, Floats]:
    """Return the image and the probabilities of a case such as "noise,300x451,2"."""
    kind, size, classes = case.split(",")
    rows, columns = map(int, size.split("x"))
    generator = np.random.default_rng(0)
    if kind == "noise":
        image = generator.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    else:
        resized = transform.resize(data.chelsea(), (rows, columns), order=1)
        image = np.asarray(np.rint(resized * 255), np.uint8)
    coarse = generator.random((int(classes), rows // 16 + 2, columns // 16 + 2))
    given = np.stack([transform.resize(plane, (rows, columns), order=1) for plane in coarse]) ** 4
    return image, np.asarray((given + 1e-3) / (given + 1e-3).sum(axis=0), np.float32)


def ours(image: Image, given: Floats, threads: int | None) -> Floats:
    """Refine with the built-in engine."""
    return DenseCRF(image, SETTINGS, threads=threads).infer(given)


def pydensecrf(image: Image, given: Floats) -> Floats:
    """Refine with pydensecrf2, features made by its C++ code, the fastest way it has."""
    from pydensecrf import densecrf
    from pydensecrf.utils import unary_from_softmax

    classes, rows, columns = given.shape
    crf = densecrf.DenseCRF2D(columns, rows, classes)
    crf.setUnaryEnergy(unary_from_softmax(given))
    crf.addPairwiseGaussian(SETTINGS.gaussian_sigma_px, SETTINGS.gaussian_weight)
    crf.addPairwiseBilateral(
        SETTINGS.bilateral_sigma_px,
        SETTINGS.bilateral_sigma_intensity,
        image,
        SETTINGS.bilateral_weight,
    )
    return np.array(crf.inference(SETTINGS.iterations), np.float32).reshape(given.shape)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def copy_speed() -> float:
    """Return bytes read and written a second when copying an array larger than the caches."""
    source = np.ones(1 << 25, np.float32)
    target = np.empty_like(source)
    seconds = [timed(lambda: np.copyto(target, source))[0] for _ in range(5)]
    return 2 * source.nbytes / min(seconds[1:])


def _peak_ratio(case: str, threads: int | None) -> float:
    """Return our peak memory over theirs, above what each process had before."""
    peaks = []
    for engine in ("ours", "pydensecrf"):
        command = [sys.executable, "-m", "benchmarks.crf", "--peak", f"{engine},{case}"]
        if threads:
            command += ["--threads", str(threads)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        peaks.append(float(printed.split()[-1]))
    return peaks[0] / peaks[1]


def _print_peak(case: str, threads: int | None) -> None:
    engine, _, rest = case.partition(",")
    warm, (image, given) = inputs("noise,40x40," + rest.rsplit(",", 1)[1]), inputs(rest)

    def run(image: Image, given: Floats) -> None:
        if engine == "ours":
            ours(image, given, threads)
        else:
            pydensecrf(image, given)

    run(*warm)
    # What is left of making the inputs is given back, or it would be used without being counted,
    # and the high-water mark is set back (Linux).
    return_freed_memory()
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    run(image, given)
    print(_memory("VmHWM") - before)


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(dict(line.split(":", 1) for line in lines)[name].split()[0])


if __name__ == "__main__":
    main()
