"""Pretrain the compact VGG-16 on generated and real images: `python -m pretraining.train FOLDER`.

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
from napari_fcn_crf.fcn.layers.initialisation import initialise
from pretraining.data_dependent import initialise_from_images
from pretraining.episodes import episode, recolour
from pretraining.pretext import HEADS, HYPERCOLUMN, TAUGHT, make_leaky, pretext_network
from pretraining.scene_stream import (
    CROP_PX,
    QUERIES,
    SUPPORT,
    Batch,
    Source,
    batches,
    stack,
)
from pretraining.teacher import teacher, widths_in

CHECKPOINT = "checkpoint.weights.h5"
LOG = "log.jsonl"
_VALIDATION_SEED = 2**31
_VALIDATION_IMAGES = 64
_STARTING_IMAGES = 48
_BESIDE = 0.5
"""Weight of every other loss beside the hypercolumn's."""

_OWN = ("ridge", "predicted")
"""What an earlier run may have been without, and what is not in the bundled file."""


def compile_for(network: Any, learning_rate: float) -> None:
    """Compile with Adam and a moving average of the weights."""
    names = list(network.output)
    network.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate, global_clipnorm=1.0, use_ema=True, ema_momentum=0.998
        ),
        loss={
            name: keras.losses.MeanSquaredError()
            if name == TAUGHT
            else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            for name in names
        },
        loss_weights={name: 1.0 if name == HYPERCOLUMN else _BESIDE for name in names},
        jit_compile=False,
    )


def learning_rate_at(step: int, steps: int, decay_steps: int, peak: float) -> float:
    """Return the learning rate: a warm-up of 200 steps, constant, then linear to zero."""
    return peak * min(1.0, (step + 1) / 200, max(0.01, (steps - step) / decay_steps))


def inputs_of(batch: Batch) -> dict[str, Any]:
    """Return what goes into the network."""
    return {
        "image": batch["image"].astype(np.float32),
        "points": batch["points"],
        "targets": batch["targets"],
    }


def arrays(network: Any, batch: Batch, teach: Any) -> tuple[dict[str, Any], Any, Any]:
    """Return a batch as Keras takes it; `teach` is the teacher, if the network has one."""
    inputs = inputs_of(batch)
    answers = dict.fromkeys(network.output, batch["answers"])
    weights = dict.fromkeys(network.output, batch["weights"])
    if TAUGHT in network.output:
        seen = {name: inputs[name] for name in ("image", "points")}
        answers[TAUGHT] = keras.ops.convert_to_numpy(teach.predict_on_batch(seen))
        weights[TAUGHT] = np.ones(answers[TAUGHT].shape[:2], np.float32)
    return inputs, answers, weights


def validation_batch(source: Source) -> Batch:
    """Return episodes on scenes that are never trained on, and on other crops of real images."""
    rng = np.random.default_rng(_VALIDATION_SEED)
    return stack(
        [
            episode(
                rng, *source.numbered(_VALIDATION_SEED, number), source.crop_px, SUPPORT, QUERIES
            )
            for number in range(_VALIDATION_IMAGES)
        ]
    )


def balanced_accuracies(network: Any, batch: Batch) -> dict[str, float]:
    """Return each head's accuracy on questions drawn evenly from the classes."""
    predicted = network.predict(inputs_of(batch), batch_size=8, verbose=0)
    balanced = slice(QUERIES // 2, None)
    weights = batch["weights"][:, balanced]
    found = {}
    for name in set(HEADS) & set(predicted):
        right = np.argmax(predicted[name], axis=-1) == batch["answers"]
        found[name] = float((right[:, balanced] * weights).sum() / weights.sum())
    return found


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
            is_new = weight.path.startswith(_OWN) and weight.path not in found
            if not (is_new or weight.path.startswith(without)):
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
    parser.add_argument("--fresh", type=int, default=1, help="new images a step (default 1)")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=int, default=100, help="steps between log lines")
    parser.add_argument("--start", type=Path, help="average.npz of a run, or the bundled file")
    parser.add_argument(
        "--renew", nargs="*", default=[], help="layers that start anew all the same, e.g. block3"
    )
    parser.add_argument("--frozen", nargs="*", default=[], help="layers to leave, e.g. block1")
    parser.add_argument("--side", type=int, default=CROP_PX, help="of the images, px (default 96)")
    parser.add_argument("--corpus", type=Path, help="folder of real images, see pretraining/corpus")
    parser.add_argument("--real", type=float, default=0.75, help="share of them (default 0.75)")
    parser.add_argument("--coarse", action="store_true", help="let FCN-8s and FCN-32s answer too")
    parser.add_argument("--teacher", type=Path, help="weights of VGG-16 whose features to predict")
    parser.add_argument("--leak", type=float, default=0.0, help="slope of rectifiers below zero")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    keras.utils.set_random_seed(options.seed)
    source = Source(options.side, options.corpus, options.real)
    teach = options.teacher and teacher(options.teacher, options.side, SUPPORT + QUERIES)
    network = pretext_network(
        options.side,
        BACKBONES["vgg16-compact"].widths,
        coarse=options.coarse,
        taught=options.teacher and widths_in(options.teacher),
    )
    initialise(network, options.seed)
    renewed = list(CONVOLUTIONS)
    if options.start is not None:
        load_average(network, options.start, tuple(options.renew))
        renewed = [name for name in CONVOLUTIONS if name.startswith(tuple(options.renew))]
    if renewed:
        rng = np.random.default_rng(options.seed)
        images = [source.numbered(options.seed, number)[0] for number in range(_STARTING_IMAGES)]
        crops = [recolour(rng, image[: options.side, : options.side]) for image in images]
        initialise_from_images(network, np.stack(crops).astype(np.float32), renewed, options.seed)
    if options.leak:
        make_leaky(network, options.leak)
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
    train(network, options, state, source, teach)


def train(
    network: Any, options: argparse.Namespace, state: dict[str, Any], source: Source, teach: Any
) -> None:
    """Take the remaining steps; report, and keep a checkpoint, every so often."""
    before, started = state["seconds"], time.monotonic()
    losses: list[dict[str, float]] = []
    validation = validation_batch(source)
    with batches(source, options.seed, state["step"], options.batch, fresh=options.fresh) as stream:
        for step in range(state["step"], options.steps):
            network.optimizer.learning_rate = learning_rate_at(
                step, options.steps, options.decay_steps, options.learning_rate
            )
            found = network.train_on_batch(*arrays(network, next(stream), teach), return_dict=True)
            network.reset_metrics()
            losses.append({name: float(value) for name, value in found.items()})
            done = step + 1
            if done % options.report and done != options.steps:
                continue
            state = {"step": done, "seconds": before + time.monotonic() - started}
            names = losses[0]
            line = state | {name: float(np.mean([of[name] for of in losses])) for name in names}
            losses.clear()
            if done % (5 * options.report) == 0 or done == options.steps:
                for name, accuracy in balanced_accuracies(network, validation).items():
                    end = "" if name == HYPERCOLUMN else f"_{name.removeprefix('ridge_')}"
                    line[f"validation_accuracy{end}"] = accuracy
            save(network, options.folder, state)
            with (options.folder / LOG).open("a") as log:
                log.write(json.dumps(line) + "\n")
            print(line, flush=True)


if __name__ == "__main__":
    main()
