"""Trained networks as files of other programs, besides ONNX."""
