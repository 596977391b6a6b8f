"""What the steps of one viewer share."""
