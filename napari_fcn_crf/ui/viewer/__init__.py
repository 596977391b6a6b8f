"""Layers, camera and canvas of napari's viewer."""
