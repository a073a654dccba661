"""The parts of `optimisers.py`: problems, the processes that run them, peers, records, measures, text."""
