"""Tasks to learn from: pairs of support and query sets, families of them, losses."""
