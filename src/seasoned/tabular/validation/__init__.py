"""Validation: folds by rows, groups and time, samples of rows, and the paired test of racing."""
