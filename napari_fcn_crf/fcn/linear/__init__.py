"""Linear classifier on features that stay: solved anew with each stroke. Without Keras."""
