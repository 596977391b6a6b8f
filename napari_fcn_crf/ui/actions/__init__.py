"""Actions of the buttons."""
