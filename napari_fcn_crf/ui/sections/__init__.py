"""Sections that the steps are made of."""
