"""A noisy z-stack, refined plane by plane and as one volume whose planes are three pixels apart."""

import sys
from pathlib import Path

import numpy as np
import show
from scipy.ndimage import gaussian_filter

import napari_fcn_crf as nfc

SPACING = (3.0, 1.0, 1.0)

# A ball of 24 pixels' radius and noise that hides it in part: 17 planes of 128 x 128.
rng = np.random.default_rng(0)
z, y, x = np.indices((17, 128, 128))
distance = np.sqrt((3 * (z - 8)) ** 2 + (y - 64) ** 2 + (x - 64) ** 2)
truth = distance < 24
bright = gaussian_filter(truth.astype(float), (0.5, 1.5, 1.5))
stack = (90 + 25 * bright + rng.normal(0, 30, truth.shape)).clip(0, 255).astype(np.uint8)

strokes = np.zeros(stack.shape, np.uint8)
strokes[8, 60:68, 50:80] = 1
strokes[8, 20:24, 20:100] = 2

model = nfc.train(stack, strokes, class_names={1: "ball", 2: "background"})
probabilities = nfc.predict(model, stack)

# In a volume pixels have neighbours in six directions, so smaller radii do as much.
settings = nfc.CRFSettings(gaussian_sigma_px=3, bilateral_sigma_px=10)
planes = model.to_labels(nfc.refine(stack, probabilities, settings))
volume = model.to_labels(nfc.refine(stack, probabilities, settings, volume_spacing=SPACING))

before = model.to_labels(probabilities)
for name, labels in (("network", before), ("plane by plane", planes), ("as a volume", volume)):
    print(f"{name}: IoU {show.iou(labels == 1, truth):.2f}")
if len(sys.argv) > 1:
    seen = show.gray(stack[8])
    show.save(
        Path(sys.argv[1]) / "volume.png",
        show.coloured(seen, strokes[8], 1),
        *(show.coloured(seen, labels[8]) for labels in (before, planes, volume)),
    )
