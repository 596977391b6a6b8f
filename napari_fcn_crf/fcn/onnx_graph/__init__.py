"""ONNX: a trained network as a graph that other programs run."""
