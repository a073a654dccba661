"""Learned optimisers, and optimisers that tune their own learning rates by hypergradients."""
