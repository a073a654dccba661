"""The parts of `few_shot.py`."""
