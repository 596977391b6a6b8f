"""Child side of the compute process, which computes."""
