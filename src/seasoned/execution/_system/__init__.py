"""The machine: its resources and the tree of processes."""
