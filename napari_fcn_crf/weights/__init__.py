"""VGG-16's weights from the files they are published in; no keras in here."""
