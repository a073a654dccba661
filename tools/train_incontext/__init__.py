"""Training of the in-context networks that ship, on drawn functions only."""
