"""Prediction in tiles, as large as memory allows."""
