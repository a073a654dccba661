"""Stored studies as experience: reading, importing, exporting, forgetting."""
