"""The side of the process that asks."""
