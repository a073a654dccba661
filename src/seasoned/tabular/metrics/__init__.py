"""Metrics: names, scorers and costs as one loss, and rules that turn probabilities into decisions."""
