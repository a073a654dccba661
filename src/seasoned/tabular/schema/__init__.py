"""Kinds of columns, and the reading of every later table in the same way."""
