"""The CRF's settings chosen by the annotation."""
