"""Compute process that the network runs in: parent side, child side, devices."""
