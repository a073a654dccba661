"""Configurations as they are kept: the same text for the same thing, and valid in later spaces where they can be."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from seasoned.space import Choice, Float, Space
from seasoned.tabular.features.pipeline import with_features
from seasoned.tabular.models.registry import MODELS, choose, joint_space
from seasoned.tabular.trial import configuration
from seasoned.tabular.trial.configuration import current, textual

TASKS = ("binary", "multiclass", "regression")


@pytest.mark.parametrize("task", TASKS)
def test_every_configuration_of_today_is_valid_today(task):
    space = joint_space(list(MODELS.values()), task, ["arithmetic", "bins"])
    rng = np.random.default_rng(0)
    for _ in range(100):
        config = space.sample(rng)
        assert current(config, configuration.VERSION, space) == config
        assert textual(config) == textual(current(config, configuration.VERSION, space))


def test_one_from_before_there_were_features_makes_none():
    plain = {"model": {"linear": {"penalty": 2.0}}}
    space = joint_space(choose(["linear", "tree"]), "binary", ["arithmetic"])
    found = current(plain, 1, space)
    assert found == {"model": {"linear": {"penalty": 2.0, "features": {"none": {}}}}}
    assert textual(found) == textual(plain)
    assert current(found, 1, joint_space(choose(["linear"]), "binary")) == plain


def test_what_a_later_version_meant_nobody_knows_today():
    config = {"model": {"linear": {"penalty": 2.0}}}
    space = joint_space(choose(["linear"]), "binary")
    assert current(config, configuration.VERSION, space) is not None
    assert current(config, configuration.VERSION + 1, space) is None


@pytest.mark.parametrize(
    "config",
    [
        {"model": {"unknown": {}}},
        {"model": {"linear": {"penalty": -1.0}}},
        {"model": {"linear": {"penalty": 1.0, "made_up": 3}}},
        {"model": {"linear": {}, "tree": {}}},
        {"model": 3},
        {"other": {}},
        {},
    ],
)
def test_what_is_not_valid_does_not_count(config):
    assert current(config, 1, joint_space(choose(["linear", "tree"]), "binary")) is None


def test_a_family_that_changed_its_meaning_begins_anew(monkeypatch):
    monkeypatch.setattr(configuration, "CHANGED", {2: frozenset({"linear"})})
    space = Space(model=Choice(linear=Space(penalty=Float(0.1, 10)), other=Space(penalty=Float(0.1, 10))))
    assert current({"model": {"linear": {"penalty": 1.0}}}, 1, space) is None
    assert current({"model": {"linear": {"penalty": 1.0}}}, 2, space) is not None
    assert current({"model": {"other": {"penalty": 1.0}}}, 1, space) is not None


def test_a_step_of_a_later_version_is_unused_in_an_older_configuration():
    space = Space(model=Choice(linear=with_features(Space(penalty=Float(0.1, 10)), ("arithmetic", "bins"))))
    older = {"model": {"linear": {"penalty": 1.0, "features": {"made": {"arithmetic": True, "columns": 20}}}}}
    made = {"arithmetic": True, "bins": False, "columns": 20}
    assert current(older, configuration.VERSION, space) == {
        "model": {"linear": {"penalty": 1.0, "features": {"made": made}}}
    }


def test_a_changed_space_is_noticed():
    """A renamed or narrowed setting makes shipped experience invalid: see `configuration.VERSION`.

    A new family changes the digest as well, and needs no new version.
    """
    names = {f"{task}.{name}": sorted(model.space(task).parameters) for task in TASKS for name, model in MODELS.items()}
    digest = hashlib.blake2b(repr(sorted(names.items())).encode(), digest_size=8).hexdigest()
    assert digest == "a9dd4da9aa9b3b72"
