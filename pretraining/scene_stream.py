"""Batches of episodes: scenes from another process, each used several times."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from pretraining.episodes import Episode, episode
from pretraining.scenes import Classes, Image, scene

SCENE_PX = 160
CROP_PX = 96
SUPPORT = 160
QUERIES = 256
_KEPT = 2000

Batch = dict[str, npt.NDArray[Any]]


def numbered_scene(seed: int, number: int) -> tuple[Image, Classes]:
    """Return one scene of the endless series that a seed stands for."""
    return scene(np.random.default_rng([seed, number]), SCENE_PX)


def _produce(seed: int, first: int, queue: Any) -> None:
    number = first
    while True:
        queue.put(numbered_scene(seed, number))
        number += 1


@contextmanager
def batches(
    seed: int, first_step: int, size: int, *, fresh: int = 1, warm_up: int = 64
) -> Iterator[Iterator[Batch]]:
    """Give an endless iterator over batches.

    Parameters
    ----------
    seed : int
    first_step : int
        The step to go on from: scenes and episodes are those that an uninterrupted run has there,
        except that scenes made long before are not made again.
    size : int
        Episodes a batch.
    fresh : int
        New scenes a batch; the other episodes use earlier scenes, cropped and coloured anew.
    warm_up : int
        Scenes to have before the first batch.
    """
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(32)
    producer = context.Process(target=_produce, args=(seed, first_step * fresh, queue), daemon=True)
    producer.start()

    def draw() -> Iterator[Batch]:
        kept = [queue.get() for _ in range(warm_up)]
        step = first_step
        while True:
            kept.extend(queue.get() for _ in range(fresh))
            del kept[: max(0, len(kept) - _KEPT)]
            rng = np.random.default_rng([seed, 1, step])
            chosen = rng.integers(0, len(kept), size - fresh)
            scenes = [*kept[-fresh:], *(kept[index] for index in chosen)]
            yield stack(
                [
                    episode(rng, image, classes, CROP_PX, SUPPORT, QUERIES)
                    for image, classes in scenes
                ]
            )
            step += 1

    try:
        yield draw()
    finally:
        producer.kill()
        producer.join()


def stack(episodes: list[Episode]) -> Batch:
    """Return the arrays of several episodes with a batch axis in front."""
    return {
        name: np.stack([getattr(each, name) for each in episodes])
        for name in ("image", "points", "targets", "answers", "weights")
    }
