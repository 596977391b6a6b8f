"""The CRF's compiled kernels."""
