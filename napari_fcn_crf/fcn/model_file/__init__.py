"""Model file: a trained model as one file."""
