"""OME-Zarr: images in pieces, read where they are looked at, and labels written piece by piece."""
