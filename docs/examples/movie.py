"""A movie of moving cells: strokes on two frames, labels on all."""

import sys
from pathlib import Path

import numpy as np
import show
from scipy.ndimage import gaussian_filter
from skimage.draw import disk

import napari_fcn_crf as nfc

rng = np.random.default_rng(0)
truth = np.zeros((6, 160, 160), bool)
for time, frame in enumerate(truth):
    for row, column in ((40, 40), (50, 110), (115, 75)):
        frame[disk((row, column + 4 * time), 18, shape=frame.shape)] = True
bright = gaussian_filter(truth.astype(float), (0, 1.5, 1.5))
movie = (60 + 90 * bright + rng.normal(0, 8, truth.shape)).clip(0, 255).astype(np.uint8)

# The first frame and the last: what is between them is learnt from these. A frame without any
# stroke is not annotated, and does not count as background.
strokes = np.zeros(movie.shape, np.uint8)
for time in (0, 5):
    strokes[time, 38:42, 32 + 4 * time : 50 + 4 * time] = 1
    strokes[time, 78:82, 20:120] = 2

model = nfc.train(movie, strokes, class_names={1: "cell", 2: "background"})
labels = model.to_labels(nfc.refine(movie, nfc.predict(model, movie)))

for time in range(len(movie)):
    print(f"frame {time}: IoU {show.iou(labels[time] == 1, truth[time]):.2f}")
if len(sys.argv) > 1:
    show.save(
        Path(sys.argv[1]) / "movie.png",
        show.coloured(show.gray(movie[0]), strokes[0], 1),
        *(show.coloured(show.gray(movie[time]), labels[time]) for time in (0, 3, 5)),
    )
