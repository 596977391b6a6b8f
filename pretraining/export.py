"""Write a run's weights as the bundled file: `python -m pretraining.export FOLDER`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.fcn.hypercolumns.joined_levels import GAIN
from napari_fcn_crf.fcn.start.bundled import FILE
from napari_fcn_crf.model.record import file_sha256


def bundled_arrays(average: Any) -> dict[str, Any]:
    """Return the arrays to bundle of those that `train.average_weights` gave, as float16.

    Raises
    ------
    ValueError
        If a value is too large for half precision.
    """
    arrays = {}
    with np.errstate(over="ignore"):
        for path in average:
            layer, kind = path.rsplit("/", 1)
            if kind in ("kernel", "bias") and not layer.startswith(("ridge", "predicted")):
                arrays[path] = np.asarray(average[path], np.float16)
        arrays[GAIN] = np.asarray(average["ridge/gain"], np.float16)
    for path, values in arrays.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{path} has values that half precision cannot hold.")
    return arrays


def main() -> None:
    """Write the weights and, beside them, where they come from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the run")
    parser.add_argument("--provenance", type=Path, required=True, help="JSON with commit, command")
    options = parser.parse_args()
    with np.load(options.folder / "average.npz", allow_pickle=False) as average:
        arrays = bundled_arrays(average)
    FILE.parent.mkdir(exist_ok=True)
    with atomic_path(FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    provenance = json.loads(options.provenance.read_text())
    log = [json.loads(line) for line in (options.folder / "log.jsonl").read_text().splitlines()]
    provenance["steps"] = log[-1]["step"]
    provenance["hours"] = round(log[-1]["seconds"] / 3600, 3)
    provenance["curve"] = log
    provenance["sha256"] = file_sha256(FILE)
    with atomic_path(FILE.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n")
    print(f"{FILE}: {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
