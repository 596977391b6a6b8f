"""What a trained model is besides its weights: its card and how it was made."""
