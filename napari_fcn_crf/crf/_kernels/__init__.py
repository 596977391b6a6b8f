"""Compiled kernels of the CRF."""
