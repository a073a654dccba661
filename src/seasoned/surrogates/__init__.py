"""Surrogates: models of an objective on the unit cube, and acquisition functions; arrays only."""
