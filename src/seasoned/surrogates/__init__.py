"""Surrogates: models of an objective and what they say is worth trying; arrays in the unit cube only."""
