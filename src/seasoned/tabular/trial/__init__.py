"""Trials: cross-validation of one configuration, and its files in the run folder."""
