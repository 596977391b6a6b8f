"""Write the bundled deep layers for FCN heads: `python -m pretraining.deep_layers --commit HASH`.

Blocks 3 to 5 of the compact VGG-16 get as kernels the typical patches of what goes into them on
generated scenes, each scaled to mean 0 and deviation 1 before it is rectified. fc6 hands on pool5
and, as its other half, the averages around each cell; fc7 hands on fc6.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.backbones import BACKBONES, CONVOLUTIONS
from napari_fcn_crf.fcn.network import build_network
from napari_fcn_crf.fcn.start.bundled import BACKBONE, DEEP_FILE, assign_bundled, read_bundled
from napari_fcn_crf.model.record import file_sha256
from napari_fcn_crf.settings import RANDOM, TrainingSettings
from pretraining.data_dependent import initialise_from_images
from pretraining.scenes import scene

_GRAY_EVERY = 4


def deep_layers(n_scenes: int, side: int, seed: int) -> dict[str, Any]:
    """Return the arrays by their names, in half precision."""
    rng = np.random.default_rng(seed)
    images = np.stack([scene(rng, side)[0] for _ in range(n_scenes)]).astype(np.float32)
    images[::_GRAY_EVERY] = images[::_GRAY_EVERY].mean(axis=-1, keepdims=True)
    settings = TrainingSettings(architecture="fcn32s", weights=RANDOM)
    network, _ = build_network(settings, 3, 2)
    assign_bundled(network, read_bundled(), 3)
    names = [name for name in CONVOLUTIONS if name >= "block3"]
    initialise_from_images(network, images, names, seed)
    arrays = {}
    for name in names:
        layer = network.get_layer(name)
        arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = map(np.asarray, layer.get_weights())
    widths = BACKBONES[BACKBONE].widths
    arrays |= _handed_on(widths.blocks[4], widths.fc6_kernel)
    return {name: values.astype(np.float16) for name, values in arrays.items()}


def _handed_on(width: int, side: int) -> dict[str, Any]:
    """Return fc6 and fc7, twice as wide as pool5."""
    same = np.eye(width)
    fc6 = np.zeros((side, side, width, 2 * width))
    fc6[side // 2, side // 2, :, :width] = same
    fc6[..., width:] = same / side**2
    fc7 = np.eye(2 * width)[np.newaxis, np.newaxis]
    biases = {f"{name}/bias": np.zeros(2 * width) for name in ("fc6", "fc7")}
    return {"fc6/kernel": fc6, "fc7/kernel": fc7} | biases


def main() -> None:
    """Write the layers and, beside them, where they come from."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commit", required=True, help="that this is run from")
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    arrays = deep_layers(options.scenes, options.side, options.seed)
    with atomic_path(DEEP_FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
    provenance = {
        "commit": options.commit,
        "command": "python -m pretraining.deep_layers",
        "scenes": options.scenes,
        "side": options.side,
        "seed": options.seed,
        "sha256": file_sha256(DEEP_FILE),
    }
    with atomic_path(DEEP_FILE.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n")
    print(f"{DEEP_FILE}: {DEEP_FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
