"""The side of the process that computes."""
