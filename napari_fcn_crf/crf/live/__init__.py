"""Live preview: the CRF on what the screen shows, while its settings change."""
