"""Features made from columns, inside each fold: which steps there are (`made.py`), and one file for each."""
