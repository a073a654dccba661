"""Tasks for meta-learning: pairs of support and query sets, families of tasks, losses."""
