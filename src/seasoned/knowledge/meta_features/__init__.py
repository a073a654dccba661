"""Meta-features of a table: statistics, landmarkers and a learned encoder."""
