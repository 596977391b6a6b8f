"""Formats of the files that weights of VGG-16 are published in, one module each."""
