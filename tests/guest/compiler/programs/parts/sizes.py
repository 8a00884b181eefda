"""A constant."""

SMALL = 8
