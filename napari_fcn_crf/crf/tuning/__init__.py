"""Tuning of the CRF's settings by the annotation."""
