"""The neural metric function."""
