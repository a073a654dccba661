"""Report of a fitted model, collected from its parts."""
