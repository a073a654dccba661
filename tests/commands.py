"""Commands called as people type them, in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from seasoned.cli import app


def call(*words, code=0, given=None):
    """What a command printed; it must have ended with this code."""
    result = CliRunner().invoke(app, [str(word) for word in words], input=given)
    assert result.exit_code == code, result.output
    return result


def fit_line(name, *words, code=0):
    """`seasoned fit` of one linear model to the column y of a file."""
    usual = ("--target", "y", "--models", "linear", "--trials", 1, "--ensemble", 1, "--seed", 0)
    return call("fit", name, *usual, *words, code=code)
