"""Dense CRF, a fully connected one: numpy and numba only."""
