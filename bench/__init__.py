"""Measurements. Each prints a ratio against a peer or a floor that ran in the same run; none asserts a time."""
