"""Validation: folds by rows, groups and time, and samples of rows."""
