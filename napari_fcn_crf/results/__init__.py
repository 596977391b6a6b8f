"""What is made of probabilities and labels afterwards."""
