"""Augmentation of images: turned, flipped, enlarged, brighter, darker."""

from __future__ import annotations

import keras
import numpy as np
import numpy.typing as npt

from napari_fcn_crf.data.annotations import IGNORE

_RANGE = (0, 255)


class Augmentation:
    """Changes an image and its annotation alike, by Keras' layers.

    Parameters
    ----------
    seed : int
        Together with the number of the step it decides what is done.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._layers = [
            keras.layers.RandomFlip("horizontal_and_vertical", data_format="channels_last"),
            keras.layers.RandomRotation(0.5, fill_mode="reflect", data_format="channels_last"),
            keras.layers.RandomZoom((-0.2, 0.2), fill_mode="reflect", data_format="channels_last"),
            keras.layers.RandomBrightness(0.1, value_range=_RANGE),
            keras.layers.RandomContrast(0.2, value_range=_RANGE),
        ]

    def __call__(
        self, images: npt.NDArray[np.float32], indices: npt.NDArray[np.int32], step: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
        """Return images and their class indices as they are shown at a step.

        Parameters
        ----------
        images : array of float32, shape `(n_images, rows, columns, channels)`
            On the 0-255 scale.
        indices : array of int32, shape `(n_images, rows, columns)`
            Class index of each pixel, or `IGNORE`.
        step : int
        """
        batch = {
            "images": images,
            "segmentation_masks": (indices - IGNORE)[..., np.newaxis],
        }
        for number, layer in enumerate(self._layers):
            # Not the layer's own count of calls, so that a resumed training goes on the same way.
            layer.generator.state.assign([self._seed + number, step])
            batch = layer(batch, training=True)
        turned = keras.ops.convert_to_numpy(batch["images"]).astype(np.float32)
        mask = keras.ops.convert_to_numpy(batch["segmentation_masks"])[..., 0]
        turned_indices = np.rint(mask).astype(np.int32) + np.int32(IGNORE)
        if (turned_indices == IGNORE).all():
            return images, indices
        return turned, turned_indices
