"""Search over pipelines: the next configuration, racing, and the stopping rule."""
