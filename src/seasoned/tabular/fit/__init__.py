"""One fit or refit of a table: from the estimator's parameters to the fitted model."""
