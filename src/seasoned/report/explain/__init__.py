"""Explanations of a fitted model: permutation importance and Shapley values."""
