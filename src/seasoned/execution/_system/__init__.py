"""Machine access: resources and the tree of processes."""
