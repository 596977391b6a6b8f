"""Viewer of napari: its layers, camera and canvas."""
