"""Common parts of all reports: markup, wording, labelled rows, scores."""
