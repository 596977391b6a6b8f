"""Optimizer: Adam and its state."""
