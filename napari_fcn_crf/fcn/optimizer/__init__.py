"""Adam and its state."""
