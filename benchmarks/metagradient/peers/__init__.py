"""The same MAML loop in several libraries, each in a process of its own (`worker.py`); `../speed.py` times them.

A module has `Loop(problem)`: `advance(count)` takes meta-steps, `weights()` gives the meta-parameters as numpy arrays
[inputs, outputs] and [outputs], layer by layer.
"""
