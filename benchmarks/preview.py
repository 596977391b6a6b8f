"""Time of one frame of the live preview beside a whole call of pydensecrf2.

    python -m benchmarks.preview [--size ROWSxCOLUMNS] [--rounds N]

What a slider changes decides what a frame costs: lattices are kept while only strengths change,
and one is built anew for a radius or the edge sensitivity. A moving slider is followed at a coarser
step where `crf.pace` finds the full one too slow. Frames and calls take turns in one process, and
medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.crf import SETTINGS, inputs, pydensecrf, timed
from napari_fcn_crf.crf.live.region import Region, RegionRefiner

CHANGES = {
    "strength": "bilateral_weight",
    "smoothness radius": "gaussian_sigma_px",
    "edge radius": "bilateral_sigma_px",
    "edge sensitivity": "bilateral_sigma_intensity",
}
STEPS = (1, 2, 4)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1024x1024", metavar="ROWSxCOLUMNS")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows, columns = map(int, options.size.split("x"))
    image, given = inputs(f"photograph,{options.size},2")
    refiner = RegionRefiner(image.astype(np.float32), given, None)

    def frame(field: str, step: int, number: int) -> Callable[[], object]:
        region = Region((0, rows), (0, columns), step)
        # Another value each time, as under a moving slider.
        changed = replace(SETTINGS, **{field: getattr(SETTINGS, field) * (1 + 0.01 * number)})
        refiner.refine(region, SETTINGS)
        return lambda: refiner.refine(region, changed)

    names = [(change, step) for step in STEPS for change in CHANGES]
    seconds: dict[tuple[str, int], list[tuple[float, float]]] = {name: [] for name in names}
    theirs: list[tuple[float, float]] = []
    for number in range(options.rounds + 1):
        measured = {
            (change, step): timed(frame(CHANGES[change], step, number + 1))
            for change, step in names
        }
        peer = timed(lambda: pydensecrf(image, given))
        if number:  # the first round warms up
            theirs.append(peer)
            for name in names:
                seconds[name].append(measured[name])
    wall, cpu = (statistics.median(column) for column in zip(*theirs, strict=True))
    print(f"{options.size}, 2 classes; pydensecrf2: {wall * 1e3:.0f} ms, {cpu * 1e3:.0f} ms of CPU")
    print("| what moves | step | ms | CPU ms | pydensecrf2's over ours | CPU |")
    print("|---|---|---|---|---|---|")
    for change, step in names:
        own_wall, own_cpu = (
            statistics.median(column) for column in zip(*seconds[change, step], strict=True)
        )
        print(
            f"| {change} | {step} | {own_wall * 1e3:.0f} | {own_cpu * 1e3:.0f} | "
            f"{wall / own_wall:.1f} | {cpu / own_cpu:.1f} |"
        )


if __name__ == "__main__":
    main()
