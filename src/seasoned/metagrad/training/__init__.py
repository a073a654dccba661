"""Training loop of meta-learners, its progress display, and rates as data of compiled programs."""
