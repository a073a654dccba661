"""Figures of a search and of predictions."""
