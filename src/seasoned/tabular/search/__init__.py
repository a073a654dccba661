"""Search over pipelines: the next configuration, races, and the rule that stops."""
