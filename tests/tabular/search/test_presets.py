"""Presets of `AutoClassifier` and `AutoRegressor`, and their names on the command line."""

from __future__ import annotations

import json

import pytest

from command_tables import class_rows
from commands import call
from seasoned import AutoClassifier, AutoRegressor, SearchSettings, presets


@pytest.mark.parametrize("name", presets.__all__)
@pytest.mark.parametrize("kind", [AutoClassifier, AutoRegressor])
def test_presets_are_arguments(name, kind):
    preset = getattr(presets, name)
    model = kind(**preset)
    assert {argument: getattr(model, argument) for argument in preset} == preset


def test_the_preset_good_is_the_default():
    model = AutoClassifier(**presets.good)
    assert model.time_limit == AutoClassifier().time_limit
    assert model.search == SearchSettings()


def test_a_command_takes_what_a_preset_leaves_open(here, monkeypatch):
    monkeypatch.chdir(here)
    class_rows().to_csv("t.csv", index=False)
    usual = ("fit", "t.csv", "--target", "y", "--models", "linear,tree", "--trials", 6, "--experience", "none")
    call(*usual, "--preset", "fast", "--ensemble", 1)
    assert len(json.loads(call("show", "model.seasoned", "--json").stdout)["models"]) == 1
    assert "preset" in call(*usual, "--preset", "quick", code=2).stderr
