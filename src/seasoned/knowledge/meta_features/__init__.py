"""Descriptions of a table: meta-features, landmarkers and a learned encoder."""
