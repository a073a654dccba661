"""Advice for a new task: weights of past tasks, portfolios, an adviser."""
