"""Shipped experience: small, sound, without forbidden tables, valid in the present spaces."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from seasoned.knowledge.experience.locations import shipped
from seasoned.tabular.metrics.registry import usual_metric
from seasoned.tabular.models.registry import MODELS, NAMED_ONLY, joint_space
from seasoned.tabular.trial.configuration import VERSION, current

NEVER = ("movies", "moderndive", "storms", "spambase", "german", "pima", "Titanic", "ames", "penbased", "Auto#")


def test_it_is_small_and_there():
    file = files("seasoned.knowledge") / "data" / "experience.parquet"
    assert 10_000 < len(file.read_bytes()) < 5_000_000


def test_two_hundred_real_tasks_have_sixty_configurations_each():
    found = shipped()
    trials = {
        head.name: end - start
        for head, start, end in zip(found.heads, found.starts[:-1], found.starts[1:], strict=True)
        if head.metric == usual_metric(head.sort)
    }
    assert sum(count >= 60 for name, count in trials.items() if not name.startswith("generated:")) >= 200
    assert any(name.startswith("generated:") for name in trials)


def test_tables_that_judge_it_are_not_in_it():
    assert not [head.name for head in shipped().heads if any(word in head.name for word in NEVER)]


@pytest.mark.parametrize("sort", ["binary", "multiclass", "regression"])
def test_its_configurations_are_valid_today(sort):
    found = shipped().where(sort=sort)
    configs = found.configs(np.unique(found.configurations))
    space = joint_space(list(MODELS.values()), sort)
    assert {head.version for head in found.heads} == {VERSION}
    valid = [current(config, VERSION, space) for config in configs.values()]
    assert len(configs) >= 40
    known = {next(iter(config["model"])) for config in configs.values()}
    assert known == set(MODELS) - NAMED_ONLY, "of each family that takes part by default something is known"
    assert None not in valid


def test_its_numbers_are_sound():
    found = shipped()
    assert np.isfinite(found.scores[~found.failed]).all()
    assert (found.seconds >= 0).all()
    assert np.isfinite(found.metafeatures).mean() > 0.7
    assert all(head.baseline is not None for head in found.heads)
    for head, start, end in zip(found.heads, found.starts[:-1], found.starts[1:], strict=True):
        if head.metric == usual_metric(head.sort):
            best = np.nanmin(found.scores[start:end])
            assert best < head.baseline - 0.02 * abs(head.baseline)  # something was learned on each task
