"""The learned metric: score, spread, seconds and risk of failure of a configuration on a task."""
