"""How shipped experience is made: `python -m seasoned.knowledge.build FOLDER` (see `tabular/building/run.py`)."""

from __future__ import annotations

import importlib

__all__: list[str] = []

if __name__ == "__main__":
    # The build depends on `tabular`, a layer above this package, so it is imported by name.
    importlib.import_module("seasoned.tabular.building.run").main()
