"""A floating cell in a phase picture: a dark halo around it, painted as background."""

import sys
from pathlib import Path

import numpy as np
import show
from skimage.data import cell
from skimage.measure import label, regionprops

import napari_fcn_crf as nfc

image = cell()[200:520, 220:540]

# The cell within and at its rim; background far away, and the halo as well.
strokes = np.zeros(image.shape, np.uint8)
strokes[170:178, 180:236] = 1
strokes[124:132, 175:215] = 1
strokes[40:44, 40:200] = 2
strokes[88:92, 180:236] = 2

model = nfc.train(image, strokes, class_names={1: "cell", 2: "background"})
probabilities = nfc.predict(model, image)

# Edges are faint where phase changes slowly: fewer grey levels count as alike.
settings = nfc.CRFSettings(bilateral_sigma_intensity=10)
labels = model.to_labels(nfc.refine(image, probabilities, settings))

largest = max(regionprops(label(labels == 1)), key=lambda region: region.area)
print(f"A cell of {largest.area:.0f} pixels, {largest.equivalent_diameter_area:.0f} px wide")
if len(sys.argv) > 1:
    seen = show.gray(image)
    show.save(
        Path(sys.argv[1]) / "phase_contrast.png",
        show.coloured(seen, strokes, 1),
        show.coloured(seen, model.to_labels(probabilities)),
        show.coloured(seen, labels),
    )
