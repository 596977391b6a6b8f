"""Time of an FCN-32s on the full VGG-16, against the same network in PyTorch, on the CPU.

    python benchmarks/network.py [--rounds N] [--size ROWSxCOLUMNS]

Each measurement runs in a process of its own, the libraries taking turns, and the best round of
each counts. Ours run as in the compute process, where freed memory is kept for the next step;
PyTorch runs as it comes, and once more with its memory kept. PyTorch is the `benchmark` extra. On a
computer that is busy with other things `--clock processor` compares processor seconds instead.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_fcn_crf.compute.allocation import keep_freed_memory

N_CLASSES = 2
STEPS = 4
GOALS = {"step": 0.55, "prediction": 0.8}
CLOCKS: dict[str, Callable[[], float]] = {
    "wall": time.perf_counter,
    "processor": time.process_time,
}

_now = time.perf_counter


def main() -> None:
    """Measure and print a table of times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--size", default="288x448", metavar="ROWSxCOLUMNS")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    global _now
    _now = CLOCKS[arguments.clock]
    rows, columns = map(int, arguments.size.split("x"))
    if arguments.measure:
        print(json.dumps(MEASURES[arguments.measure](rows, columns)))
        return
    best: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    for _ in range(arguments.rounds):
        for name in MEASURES:
            for quantity, seconds in _in_a_process(name, arguments.size, arguments.clock).items():
                known = best[name].get(quantity, float("inf"))
                best[name][quantity] = min(known, seconds)
    _print_table(best, rows, columns)


def _in_a_process(name: str, size: str, clock: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", name, "--size", size, "--clock", clock]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _print_table(best: dict[str, dict[str, float]], rows: int, columns: int) -> None:
    flops = forward_flops(rows, columns)
    peak = best["peak"]["flops_per_second"] = 1 / best["peak"].pop("seconds_per_flop")
    print(f"FCN-32s, VGG-16, {rows} x {columns}, {N_CLASSES} classes, {os.cpu_count()} processors")
    print(f"matrix product, float32: {peak / 1e9:.0f} GFLOP/s")
    for name in ("napari-fcn-crf", "xla", "torch", "torch, keeping"):
        for quantity, seconds in best[name].items():
            line = f"{name:16}{quantity:20}{seconds:8.2f} s"
            # Backwards, a convolution is done once for its input and once for its kernel.
            passes = {"step": 3, "prediction": 1}.get(quantity)
            if passes:
                share = passes * flops / seconds / peak
                ratio = seconds / best["torch"][quantity]
                line += f"{share:8.0%} of the peak {ratio:8.2f} of PyTorch's"
                if name == "napari-fcn-crf":
                    line += f" (goal: at most {GOALS[quantity]})"
            elif quantity == "compiling":
                gain = best["napari-fcn-crf"]["step"] - best[name]["step"]
                line += (
                    f"   paid back in {seconds / gain:.0f} steps"
                    if gain > 0
                    else "   never paid back"
                )
            print(line)


def forward_flops(rows: int, columns: int) -> float:
    """Return the floating point operations of the convolutions, forwards."""
    widths, counts = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)
    total, inputs, pixels = 0.0, 3, rows * columns
    for width, count in zip(widths, counts, strict=True):
        for _ in range(count):
            total += 2 * 9 * inputs * width * pixels
            inputs = width
        pixels /= 4
    return total + 2 * pixels * (49 * 512 * 4096 + 4096**2 + 4096 * N_CLASSES)


def _example(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    labels = np.zeros((rows, columns), np.int32)
    labels[:, columns // 2 :] = 1
    return image, labels


def _best_time(work: Callable[[], object], times: int) -> float:
    seconds = []
    for _ in range(times):
        started = _now()
        work()
        seconds.append(_now() - started)
    return min(seconds)


def measure_ours(rows: int, columns: int) -> dict[str, float]:
    """Time building, a training step and a prediction through the public functions."""
    keep_freed_memory()
    import keras

    import napari_fcn_crf as nfc
    from napari_fcn_crf.fcn.network import build_network

    settings = nfc.TrainingSettings(
        architecture="fcn32s", backbone="vgg16", labels="mask", iterations=STEPS + 1, mode="full"
    )
    started = _now()
    network, _ = build_network(settings, 3, N_CLASSES)
    building = _now() - started
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "vgg16.weights.h5"
        network.save_weights(file)
        del network
        started = _now()
        network, _ = build_network(replace(settings, weights=file), 3, N_CLASSES)
        building_from_file = _now() - started
    del network
    keras.utils.clear_session()

    image, labels = _example(rows, columns)
    moments: list[float] = []
    model = nfc.train(
        image,
        labels,
        settings,
        on_progress=lambda progress: (
            moments.append(_now()) if progress.phase == "Training" else None
        ),
    )
    nfc.predict(model, image)
    return {
        "building": building,
        "building from file": building_from_file,
        "step": min(np.diff(moments)),
        "prediction": _best_time(lambda: nfc.predict(model, image), STEPS),
    }


def measure_xla(rows: int, columns: int) -> dict[str, float]:
    """Time what XLA would make of the same training step, and how long it compiles."""
    keep_freed_memory()
    import keras

    from napari_fcn_crf.fcn.network import build_network
    from napari_fcn_crf.settings import TrainingSettings

    network, _ = build_network(
        TrainingSettings(architecture="fcn32s", backbone="vgg16"), 3, N_CLASSES
    )
    network.compile(
        optimizer=keras.optimizers.Adam(1e-4),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum"),
        jit_compile=True,
    )
    image, labels = _example(rows, columns)
    batch = image[np.newaxis].astype(np.float32), labels[np.newaxis]
    started = _now()
    network.train_on_batch(*batch)
    first = _now() - started
    step = _best_time(lambda: network.train_on_batch(*batch), STEPS)
    return {"step": step, "compiling": first - step}


def measure_torch(rows: int, columns: int) -> dict[str, float]:
    """Time the same network in PyTorch: channels last, fused Adam."""
    import torch
    from torch import nn

    started = _now()
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in zip((64, 128, 256, 512, 512), (2, 2, 3, 3, 3), strict=True):
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Conv2d(512, 4096, 7, padding=3), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    layers += [nn.Conv2d(4096, 4096, 1), nn.ReLU(inplace=True), nn.Dropout(0.5)]
    layers.append(nn.Conv2d(4096, N_CLASSES, 1))
    upsampling = nn.ConvTranspose2d(N_CLASSES, N_CLASSES, 64, stride=32, padding=16, bias=False)
    upsampling.weight.requires_grad_(False)
    network = nn.Sequential(*layers, upsampling).to(memory_format=torch.channels_last)
    building = _now() - started

    image, labels = _example(rows, columns)
    x = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    x = x.contiguous(memory_format=torch.channels_last) - 120
    y = torch.from_numpy(labels)[None].long()
    trainable = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(trainable, 1e-4, fused=True)
    loss_function = nn.CrossEntropyLoss(reduction="sum")

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss_function(network(x), y).backward()
        optimizer.step()

    def predict() -> None:
        with torch.inference_mode():
            network(x).softmax(dim=1)

    step()
    step_seconds = _best_time(step, STEPS)
    network.eval()
    predict()
    return {
        "building": building,
        "step": step_seconds,
        "prediction": _best_time(predict, STEPS),
    }


def measure_torch_keeping(rows: int, columns: int) -> dict[str, float]:
    """Time PyTorch in a process that keeps freed memory, as ours does."""
    keep_freed_memory()
    return measure_torch(rows, columns)


def measure_peak(rows: int, columns: int) -> dict[str, float]:
    """Time a large matrix product: what the machine can do."""
    side = 4096
    one = np.ones((side, side), np.float32)
    result = np.empty_like(one)
    np.dot(one, one, out=result)
    seconds = _best_time(lambda: np.dot(one, one, out=result), 5)
    return {"seconds_per_flop": seconds / (2 * side**3)}


MEASURES: dict[str, Callable[[int, int], dict[str, float]]] = {
    "peak": measure_peak,
    "napari-fcn-crf": measure_ours,
    "xla": measure_xla,
    "torch": measure_torch,
    "torch, keeping": measure_torch_keeping,
}

if __name__ == "__main__":
    main()
