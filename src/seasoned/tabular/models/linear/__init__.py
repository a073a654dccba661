"""Linear and additive models."""
