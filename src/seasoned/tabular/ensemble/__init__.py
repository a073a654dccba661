"""Ensembles: members selected on out-of-fold predictions, and refitted on all rows within the time left."""
