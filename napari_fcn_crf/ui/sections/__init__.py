"""The parts that the steps are made of."""
