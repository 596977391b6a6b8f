"""The demonstration, and the tutorial of 2016."""
