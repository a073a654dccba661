"""Priors: random tables and random studies, on which in-context networks are trained."""

from seasoned.incontext.prior.drawn_table import DrawnTable
from seasoned.incontext.prior.objectives import draw_trials
from seasoned.incontext.prior.tables import draw_table

__all__ = ["DrawnTable", "draw_table", "draw_trials"]
