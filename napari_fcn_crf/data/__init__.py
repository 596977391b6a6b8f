"""What comes in: images, annotations and the files they are in."""
