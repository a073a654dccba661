"""Neural networks with a forward pass in NumPy."""
