"""A package of a program."""
