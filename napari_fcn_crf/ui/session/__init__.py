"""Session of a viewer: what its steps share."""
