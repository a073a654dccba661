"""Gaussian processes: kernels, marginal likelihood, prior means, trust regions."""
