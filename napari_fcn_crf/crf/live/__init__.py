"""The CRF on what the screen shows, while its settings change."""
