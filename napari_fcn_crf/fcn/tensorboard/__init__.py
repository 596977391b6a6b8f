"""TensorBoard's view of a training."""
