"""Experience of past tables: advice for this one, and the record of a fit."""
