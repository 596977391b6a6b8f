"""The fully connected CRF: numpy and numba only."""
