"""Experience of past tables: advice for the present table, and the record of a fit."""
