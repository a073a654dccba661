"""Thin adapters to other libraries: `seasoned.integrations.optuna`. Each needs its extra; nothing is imported here."""
