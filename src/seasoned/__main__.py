"""Entry point of `python -m seasoned`: the command line, for systems where the script `seasoned` is not on the path."""

from __future__ import annotations

from seasoned.cli import main

if __name__ == "__main__":
    main()
