"""Model families, one file each. A new one costs its file and a line in `registry.py`."""

from __future__ import annotations
