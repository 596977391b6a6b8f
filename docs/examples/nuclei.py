"""Nuclei of a 16-bit fluorescence picture: two strokes, then a number for each nucleus."""

import sys
from pathlib import Path

import numpy as np
import show
from scipy.ndimage import gaussian_filter
from skimage.draw import disk

import napari_fcn_crf as nfc
from napari_fcn_crf.results.instances import split_instances

# Five nuclei of some 2 400 counts on a background of 400, as a 12-bit camera sees them.
rng = np.random.default_rng(0)
truth = np.zeros((192, 192), bool)
for centre in ((40, 45), (45, 130), (105, 80), (150, 150), (150, 115)):
    truth[disk(centre, 20)] = True
bright = gaussian_filter(truth.astype(float), 1.5)
texture = gaussian_filter(rng.normal(size=truth.shape), 2) * 600 * bright
image = (400 + 2000 * bright + texture + rng.normal(0, 40, truth.shape)).astype(np.uint16)

# One stroke in a nucleus, one outside: all other pixels are 0, not annotated.
strokes = np.zeros(image.shape, np.uint8)
strokes[38:42, 35:55] = 1
strokes[73:77, 20:60] = 2

model = nfc.train(image, strokes, class_names={1: "nucleus", 2: "background"})
marginals = nfc.refine(image, nfc.predict(model, image))
labels = model.to_labels(marginals)
nuclei = split_instances(labels, value=1)

print(f"IoU of the nuclei {show.iou(labels == 1, truth):.2f}, {nuclei.max()} objects")
if len(sys.argv) > 1:
    seen = show.gray(image)
    show.save(
        Path(sys.argv[1]) / "nuclei.png",
        show.coloured(seen, strokes, 1),
        show.coloured(seen, labels),
        show.coloured(seen, nuclei),
    )
