"""Deep metric function: a neural model of scores, seconds and failures across tasks."""
