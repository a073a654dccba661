"""Hyperparameter optimisation of meta-learners and of the learned metric."""
