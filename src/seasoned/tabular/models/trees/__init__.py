"""Trees and forests as arrays."""
