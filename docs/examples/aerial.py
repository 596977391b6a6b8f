"""Land cover on an aerial picture: four classes, one stroke each."""

import sys
from pathlib import Path

import numpy as np
import show
from scipy.ndimage import gaussian_filter

import napari_fcn_crf as nfc

NAMES = {1: "water", 2: "fields", 3: "woods", 4: "soil"}
COLOURS = np.array([(40, 70, 140), (150, 190, 80), (30, 80, 40), (170, 130, 90)])

# A made-up landscape: which of four smooth random surfaces is the highest.
rng = np.random.default_rng(4)
surfaces = gaussian_filter(rng.normal(size=(4, 256, 256)), (0, 24, 24))
truth = surfaces.argmax(axis=0) + 1
grain = gaussian_filter(rng.normal(size=(256, 256, 3)), (1, 1, 0)) * 40
image = (COLOURS[truth - 1] + grain).clip(0, 255).astype(np.uint8)

# A short stroke where each surface stands out most.
strokes = np.zeros(truth.shape, np.uint8)
for value, surface in enumerate(surfaces, 1):
    others = np.delete(surfaces, value - 1, axis=0).max(axis=0)
    ahead = (surface - others)[8:-8, 24:-24]
    row, column = np.unravel_index(ahead.argmax(), ahead.shape)
    strokes[row + 6 : row + 10, column + 14 : column + 34] = value
strokes[strokes != truth] = 0

model = nfc.train(image, strokes, class_names=NAMES)
probabilities = nfc.predict(model, image)
labels = model.to_labels(nfc.refine(image, probabilities))

for value, name in NAMES.items():
    print(f"{name}: IoU {show.iou(labels == value, truth == value):.2f}")
if len(sys.argv) > 1:
    show.save(
        Path(sys.argv[1]) / "aerial.png",
        show.coloured(image, strokes, 1),
        show.coloured(image, model.to_labels(probabilities)),
        show.coloured(image, labels),
    )
