"""A trained model as one file."""
