"""The training loop, its progress and learned rates."""
