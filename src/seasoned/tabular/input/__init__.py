"""Features, target, weights and groups of any library as frames, arrays and codes."""
