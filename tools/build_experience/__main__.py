"""The command line: `PYTHONPATH=tools python -m build_experience FOLDER` makes the experience that ships."""

from __future__ import annotations

from build_experience.run import main

if __name__ == "__main__":
    main()
