"""Heads: what turns VGG-16's features into class scores, a file each beside `head`."""
