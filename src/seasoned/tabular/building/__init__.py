"""How shipped experience is made: our own pipelines on public tables (`python -m seasoned.knowledge.build`)."""
