"""Shared parts of model families: the protocol, transforms of targets, samples of rows."""
