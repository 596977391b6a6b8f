"""Steps of the dock, from the image to the refined labels."""
