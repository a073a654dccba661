"""Evolutionary samplers: genetic, differential evolution, particle swarm, CMA-ES."""
