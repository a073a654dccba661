"""Kinds of columns, inferred at fit time, and the reading of later tables by them."""
