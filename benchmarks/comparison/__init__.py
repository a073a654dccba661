"""The parts of `automl.py` that run in the environment of this package: environments, splits, records, the summary."""
