"""The experience that ships: our own pipelines on public tables (`PYTHONPATH=tools python -m build_experience`)."""
