"""The compute process: parent side, child side, devices."""
