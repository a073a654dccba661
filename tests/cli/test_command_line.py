"""Command line as a whole: version, help, and `python -m seasoned`."""

from __future__ import annotations

import subprocess
import sys

import seasoned
from commands import call


def test_version_option_prints_the_version():
    assert call("--version").output == f"seasoned {seasoned.__version__}\n"


def test_help_loads_no_heavy_package():
    code = (
        "import sys; sys.argv = ['seasoned', '--help']\n"
        "from seasoned.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'pandas', 'sklearn', 'scipy', 'lightgbm', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "predict" in done.stdout


def test_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "seasoned", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "adapt" in done.stdout
