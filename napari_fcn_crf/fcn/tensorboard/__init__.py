"""The training as TensorBoard shows it."""
