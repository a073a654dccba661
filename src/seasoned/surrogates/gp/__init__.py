"""Gaussian processes: kernels, marginal likelihood, prior means and trust regions."""
