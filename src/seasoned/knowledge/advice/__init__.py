"""Advice for a new task: weights of past tasks, portfolios and the adviser."""
