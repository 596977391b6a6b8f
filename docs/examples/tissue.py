"""Tissue, stained brown and blue: the sample that ships, with its ten strokes."""

import sys
from pathlib import Path

import show

import napari_fcn_crf as nfc
from napari_fcn_crf.data import samples

image, strokes = samples.load("ihc"), samples.load("ihc_scribbles")
names = samples.CLASS_NAMES["ihc_scribbles"]

model = nfc.train(image, strokes, class_names=names)
probabilities = nfc.predict(model, image)

# Thin borders of the glands are what the defaults' smoothness would swallow.
settings = nfc.CRFSettings(gaussian_sigma_px=3, bilateral_sigma_px=30)
labels = model.to_labels(nfc.refine(image, probabilities, settings))

for value, name in names.items():
    print(f"{name}: {(labels == value).mean():.0%} of the picture")
if len(sys.argv) > 1:
    show.save(
        Path(sys.argv[1]) / "tissue.png",
        show.coloured(image, strokes, 1),
        show.coloured(image, model.to_labels(probabilities)),
        show.coloured(image, labels),
    )
