"""Compiled kernels: their compilation, where machine code is kept, and what several share."""
