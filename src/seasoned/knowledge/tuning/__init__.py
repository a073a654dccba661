"""Hyperparameters of meta-learners, chosen by search."""
