"""Many images in one go: which there are, what is done with each, and what became of it."""
