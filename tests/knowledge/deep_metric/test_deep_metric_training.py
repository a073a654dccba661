"""Training of the deep metric: sizes that no file can contain, and the missing extra."""

from __future__ import annotations

import subprocess
import sys

import pytest

from seasoned.errors import InvalidInput
from seasoned.knowledge.deep_metric.settings import DeepMetricSettings


def test_deep_metric_training_without_jax_names_the_extra():
    code = """
import sys
sys.modules["jax"] = None
try:
    from seasoned.knowledge import train_deep_metric
except ImportError as error:
    print(type(error).__name__, "pip install jax optax" in str(error))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "MissingExtra True"


def test_deep_metric_settings_too_large_for_a_file_are_refused():
    for size in ({"members": 65}, {"hidden": 5000}):
        with pytest.raises(InvalidInput, match="at most 64"):
            DeepMetricSettings(**size)
