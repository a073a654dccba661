"""Metrics: names, scorers and costs as one loss, and decision rules that map probabilities to labels."""
