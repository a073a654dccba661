"""Parts that all reports share: markup, wording, rows with labels, scores."""
