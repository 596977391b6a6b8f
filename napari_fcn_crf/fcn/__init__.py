"""Fully convolutional networks on VGG-16; the only part that knows keras."""
