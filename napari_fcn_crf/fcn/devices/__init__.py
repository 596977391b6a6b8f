"""Devices that Keras computes on, and what each of them needs."""
