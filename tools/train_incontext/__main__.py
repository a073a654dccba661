"""Command line: `PYTHONPATH=tools python -m train_incontext FOLDER --seconds 7200` trains, or continues a training."""

from __future__ import annotations

from train_incontext.run import main

if __name__ == "__main__":
    main()
