"""The parts of `benchmarks/metagrad.py`, one experiment a file: `run(steps, seeds, ...) -> dict`."""
