"""Hyperparameter optimisation of meta-learners, of the learned metric and of deep kernels."""
