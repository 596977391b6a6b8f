"""Pretrain the compact VGG-16 on generated scenes: `python -m pretraining.train FOLDER`.

Runs on whatever Keras runs on, with or without a GPU; goes on from where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np

from napari_fcn_crf.atomic_files import atomic_path
from napari_fcn_crf.backbones import BACKBONES, CONVOLUTIONS
from napari_fcn_crf.fcn.hypercolumns.joined_levels import join_levels
from napari_fcn_crf.fcn.hypercolumns.levels import hypercolumn_levels
from napari_fcn_crf.fcn.layers.initialisation import initialise
from napari_fcn_crf.fcn.layers.vgg16 import preprocess
from pretraining.data_dependent import initialise_from_images
from pretraining.episodes import N_CLASSES, episode, recolour
from pretraining.ridge import AtPoints, RidgeHead
from pretraining.scene_stream import (
    CROP_PX,
    QUERIES,
    SUPPORT,
    Batch,
    batches,
    numbered_scene,
    stack,
)

CHECKPOINT = "checkpoint.weights.h5"
LOG = "log.jsonl"
_VALIDATION_SEED = 2**31
_VALIDATION_SCENES = 64
_STARTING_SCENES = 48


def pretext_network() -> Any:
    """Return the network from image, points and stroke targets to the questions' logits."""
    image = keras.Input((CROP_PX, CROP_PX, 3), name="image")
    points = keras.Input((SUPPORT + QUERIES, 2), dtype="int32", name="points")
    targets = keras.Input((SUPPORT, N_CLASSES), name="targets")
    levels = hypercolumn_levels(
        preprocess(image), BACKBONES["vgg16-compact"].widths, dropout=0.0, seed=0
    )

    # Interpolated at the points in question alone, not at every pixel.
    sampled = {
        name: (AtPoints(stride)(features, points), 1) for name, (features, stride) in levels.items()
    }
    column = join_levels(sampled)
    logits = RidgeHead(SUPPORT, name="ridge")(column, targets)
    return keras.Model({"image": image, "points": points, "targets": targets}, logits)


def compile_for(network: Any, learning_rate: float) -> None:
    """Compile with Adam and a moving average of the weights."""
    network.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=0.998
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )


def learning_rate_at(step: int, steps: int, decay_steps: int, peak: float) -> float:
    """Return the learning rate: a warm-up of 200 steps, constant, then linear to zero."""
    return peak * min(1.0, (step + 1) / 200, max(0.01, (steps - step) / decay_steps))


def arrays(batch: Batch) -> tuple[dict[str, Any], Any, Any]:
    """Return a batch as Keras takes it."""
    inputs = {
        "image": batch["image"].astype(np.float32),
        "points": batch["points"],
        "targets": batch["targets"],
    }
    return inputs, batch["answers"], batch["weights"]


def validation_batch() -> Batch:
    """Return episodes on scenes that are never trained on."""
    rng = np.random.default_rng(_VALIDATION_SEED)
    return stack(
        [
            episode(rng, *numbered_scene(_VALIDATION_SEED, number), CROP_PX, SUPPORT, QUERIES)
            for number in range(_VALIDATION_SCENES)
        ]
    )


def balanced_accuracy(network: Any, batch: Batch) -> float:
    """Return the accuracy on questions drawn evenly from the classes."""
    inputs, answers, weights = arrays(batch)
    predicted = np.argmax(network.predict(inputs, batch_size=8, verbose=0), axis=-1)
    balanced = slice(QUERIES // 2, None)
    right = (predicted == answers)[:, balanced] * weights[:, balanced]
    return float(right.sum() / weights[:, balanced].sum())


def average_weights(network: Any) -> dict[str, Any]:
    """Return all weights by their paths, the trainable ones as moving averages."""
    weights = {weight.path: keras.ops.convert_to_numpy(weight) for weight in network.weights}
    averages = network.optimizer._model_variables_moving_average
    for weight, average in zip(network.trainable_weights, averages, strict=True):
        weights[weight.path] = keras.ops.convert_to_numpy(average)
    return weights


def load_average(network: Any, path: Path, without: tuple[str, ...] = ()) -> None:
    """Set the weights that `average_weights` gave, but those of layers whose names begin so."""
    with np.load(path, allow_pickle=False) as found:
        for weight in network.weights:
            if not weight.path.startswith(without):
                weight.assign(found[weight.path])


def save(network: Any, folder: Path, state: dict[str, Any]) -> None:
    """Write weights, their averages, the optimizer and the step as one checkpoint."""
    # Keras insists on the suffix, which a temporary name of ours would not have.
    unfinished = folder / f"unfinished-{CHECKPOINT}"
    network.save_weights(unfinished)
    unfinished.replace(folder / CHECKPOINT)
    with (
        atomic_path(folder / "average.npz") as temporary,
        temporary.open("wb") as file,
    ):
        np.savez(file, **average_weights(network))
    with atomic_path(folder / "state.json") as temporary:
        temporary.write_text(json.dumps(state))


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for checkpoints and the log")
    parser.add_argument("--steps", type=int, default=20000, help="in all (default 20000)")
    parser.add_argument("--decay-steps", type=int, default=4000, help="the last of them")
    parser.add_argument("--batch", type=int, default=8, help="episodes a step (default 8)")
    parser.add_argument("--fresh", type=int, default=1, help="new scenes a step (default 1)")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=int, default=100, help="steps between log lines")
    parser.add_argument("--start", type=Path, help="weights (average.npz) of an earlier run")
    parser.add_argument(
        "--renew", nargs="*", default=[], help="layers that start anew all the same, e.g. block3"
    )
    parser.add_argument("--frozen", nargs="*", default=[], help="layers to leave, e.g. block1")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    keras.utils.set_random_seed(options.seed)
    network = pretext_network()
    initialise(network, options.seed)
    renewed = list(CONVOLUTIONS)
    if options.start is not None:
        load_average(network, options.start, tuple(options.renew))
        renewed = [name for name in CONVOLUTIONS if name.startswith(tuple(options.renew))]
    if renewed:
        rng = np.random.default_rng(options.seed)
        scenes = [numbered_scene(options.seed, number)[0] for number in range(_STARTING_SCENES)]
        crops = [recolour(rng, image[:CROP_PX, :CROP_PX]) for image in scenes]
        initialise_from_images(network, np.stack(crops).astype(np.float32), renewed, options.seed)
    for layer in network.layers:
        if options.frozen and layer.name.startswith(tuple(options.frozen)):
            layer.trainable = False
    compile_for(network, options.learning_rate)
    network.optimizer.build(network.trainable_variables)
    state = {"step": 0, "seconds": 0.0}
    state_file = options.folder / "state.json"
    if state_file.exists():
        network.load_weights(options.folder / CHECKPOINT)
        state = json.loads(state_file.read_text())
        if state["step"] != int(network.optimizer.iterations):
            raise SystemExit(f"{CHECKPOINT} and {state_file.name} are not of the same step.")
    validation = validation_batch()
    train(network, options, state, validation)


def train(
    network: Any, options: argparse.Namespace, state: dict[str, Any], validation: Batch
) -> None:
    """Take the remaining steps; report, and keep a checkpoint, every so often."""
    before, started = state["seconds"], time.monotonic()
    losses: list[float] = []
    with batches(options.seed, state["step"], options.batch, fresh=options.fresh) as stream:
        for step in range(state["step"], options.steps):
            network.optimizer.learning_rate = learning_rate_at(
                step, options.steps, options.decay_steps, options.learning_rate
            )
            loss, _ = network.train_on_batch(*arrays(next(stream)))
            network.reset_metrics()
            losses.append(float(loss))
            done = step + 1
            if done % options.report and done != options.steps:
                continue
            state = {"step": done, "seconds": before + time.monotonic() - started}
            line = state | {"loss": float(np.mean(losses))}
            losses.clear()
            if done % (5 * options.report) == 0 or done == options.steps:
                line["validation_accuracy"] = balanced_accuracy(network, validation)
            save(network, options.folder, state)
            with (options.folder / LOG).open("a") as log:
                log.write(json.dumps(line) + "\n")
            print(line, flush=True)


if __name__ == "__main__":
    main()
