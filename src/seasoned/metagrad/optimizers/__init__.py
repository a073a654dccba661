"""Learned optimisers, and optimisers that tune their own rates by hypergradients."""
