"""Batches of episodes: images from another process, each used several times."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pretraining.corpus import Corpus
from pretraining.episodes import Episode, episode
from pretraining.scenes import Classes, Image, scene

CROP_PX = 96
"""Side of an episode's image, unless another is asked for."""

SUPPORT = 160
QUERIES = 256
_KEPT = 2000
_MARGIN_PX = 64

Batch = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Source:
    """Where images come from.

    Parameters
    ----------
    crop_px : int
        Side of an episode's image.
    corpus : Path, optional
        A folder of real images, see `Corpus`; without it all are generated.
    real : float
        Share of the real ones.
    """

    crop_px: int = CROP_PX
    corpus: Path | None = None
    real: float = 0.75

    def numbered(self, seed: int, number: int) -> tuple[Image, Classes]:
        """Return one image of the endless series that a seed stands for, larger than a crop."""
        rng = np.random.default_rng([seed, number])
        side = self.crop_px + _MARGIN_PX
        if self.corpus is None or np.random.default_rng([seed, number, 1]).random() >= self.real:
            return scene(rng, side)
        return _corpus(self.corpus).crop(rng, side)


_corpus = cache(Corpus)


def _produce(source: Source, seed: int, first: int, queue: Any) -> None:
    number = first
    while True:
        queue.put(source.numbered(seed, number))
        number += 1


@contextmanager
def batches(
    source: Source, seed: int, first_step: int, size: int, *, fresh: int = 1, warm_up: int = 64
) -> Iterator[Iterator[Batch]]:
    """Give an endless iterator over batches.

    Parameters
    ----------
    source : Source
    seed : int
    first_step : int
        The step to go on from: images and episodes are those that an uninterrupted run has there,
        except that images made long before are not made again.
    size : int
        Episodes a batch.
    fresh : int
        New images a batch; the other episodes use earlier ones, cropped and coloured anew.
    warm_up : int
        Images to have before the first batch.
    """
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(32)
    made = (source, seed, first_step * fresh, queue)
    producer = context.Process(target=_produce, args=made, daemon=True)
    producer.start()

    def draw() -> Iterator[Batch]:
        kept = [queue.get() for _ in range(warm_up)]
        step = first_step
        while True:
            kept.extend(queue.get() for _ in range(fresh))
            del kept[: max(0, len(kept) - _KEPT)]
            rng = np.random.default_rng([seed, 1, step])
            chosen = rng.integers(0, len(kept), size - fresh)
            images = [*kept[-fresh:], *(kept[index] for index in chosen)]
            yield stack(
                [
                    episode(rng, image, classes, source.crop_px, SUPPORT, QUERIES)
                    for image, classes in images
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
