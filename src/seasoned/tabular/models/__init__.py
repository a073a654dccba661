"""Model families, one file each. A new family needs its own file and a line in `registry.py`."""

from __future__ import annotations
