"""Hypercolumns: every pixel is classified from all levels of the backbone at once."""
