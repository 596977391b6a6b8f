"""Batches that training takes, made of annotated images."""
