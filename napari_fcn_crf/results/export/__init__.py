"""Results as other programs read them; a file a format, and their table."""
