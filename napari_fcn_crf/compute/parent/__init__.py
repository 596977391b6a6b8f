"""Parent side of the compute process, which asks."""
