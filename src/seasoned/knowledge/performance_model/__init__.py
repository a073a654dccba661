"""Learned metric: a low-rank Gaussian model of scores, seconds and failures of configurations across tasks."""
