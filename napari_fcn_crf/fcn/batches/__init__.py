"""Annotated images as the batches that training takes."""
