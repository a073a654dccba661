"""Limits of time, memory and workers; interrupts, progress and callbacks."""
