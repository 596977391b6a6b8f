"""VGG-16's weights from the files they are published in; no keras in here."""

from napari_fcn_crf.fcn.weights.checkpoint import weight_files
from napari_fcn_crf.fcn.weights.vgg_file import VGGFile, describe_weights, open_weights

__all__ = ["VGGFile", "describe_weights", "open_weights", "weight_files"]
