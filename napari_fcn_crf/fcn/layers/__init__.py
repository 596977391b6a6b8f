"""The layers that every network here is built of."""
