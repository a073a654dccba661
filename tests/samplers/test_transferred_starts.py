"""Transfers as warm starts of each sampler: valid, stored, repeatable, and of little harm if wrong."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import pytest
from test_sampler_contract import SAMPLERS

from sampler_runs import best_of, box, drive, sphere, stored
from seasoned import Float, Space, Study
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.transfer.warm_starts import Evaluations, ensemble_start, metric_start, quantile_start
from seasoned.samplers.checks import SPACE, same
from seasoned.trials import Created, StudySpec, Suggested, WarmStart
from seasoned.trials.serialization import from_text, to_text


def points_of(space, count, seed):
    drawn = np.random.default_rng(seed).random((count, len(space)))
    return np.array([space.encode(space.decode(point)).unit for point in drawn])


def tasks_of(space, objective, count=4):
    """Tasks whose scores have other scales."""
    found = []
    for seed in range(count):
        points = points_of(space, 40, seed)
        scores = np.array([objective(0, space.decode(point)) for point in points])
        found.append(Evaluations(points, 10.0**seed * scores + seed))
    return found


def by_metric(space, tasks, trials):
    """The same tasks on the configurations of the first, each by its nearest evaluation."""
    points = tasks[0].points
    near = [np.argmin(np.abs(points[:, None] - task.points[None]).sum(axis=2), axis=1) for task in tasks]
    table = np.stack([task.scores[rows] for task, rows in zip(tasks, near, strict=True)])
    belief = fit_metric(table).condition(np.array([], dtype=np.intp), np.array([]))
    return metric_start(space, [space.decode(point) for point in points], belief)


TRANSFERS = {
    "quantile": lambda space, tasks, trials: quantile_start(space, tasks),
    "metric": by_metric,
    "ensemble": ensemble_start,
}


def mixed(_, config):
    return config["depth"] + 10.0 * config["lr"] + (config["kind"] == "a")


@lru_cache
def start_of(transfer):
    tasks = tasks_of(SPACE, mixed)
    return TRANSFERS[transfer](SPACE, tasks, Evaluations(tasks[0].points[:6], tasks[0].scores[:6]))


def warmed(name, start):
    return dataclasses.replace(SAMPLERS[name](), warm_start=start)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_a_transferred_start_is_valid_and_repeatable(transfer):
    start = start_of(transfer)
    assert start.relative
    assert all(SPACE.contains(config) for config in start.configurations)
    assert np.isfinite(start.values).all()
    assert mixed(0, start.configurations[0]) < np.median([mixed(0, SPACE.decode(point)) for point in start.points])
    start_of.cache_clear()
    assert start_of(transfer) == start
    kept = Created(StudySpec(SPACE, warm_start=start))
    assert from_text("created", 0, to_text(kept)) == kept


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_takes_every_transfer(name, transfer):
    sampler = warmed(name, start_of(transfer))
    spec = StudySpec(SPACE, seed=3, budget=60, warm_start=sampler.warm_start)
    log, state = drive(sampler, mixed, 11, spec)
    tried = [event.config for event in log if isinstance(event, Suggested)]
    assert tuple(tried[:3]) == sampler.warm_start.configurations
    assert all(SPACE.contains(config) for config in tried)
    folded = sampler.tell(sampler.init(spec), stored(log))
    assert same(folded, state)
    assert sampler.ask(folded, [11])[0] == sampler.ask(state, [11])[0]


def hills(_, config):
    """Many valleys, the deepest at 0.7 of each range."""
    away = np.array(list(config.values())) - 0.7
    return float(np.square(away).sum() + 0.15 * (1.0 - np.cos(9.0 * away)).sum())


def typical(name, start, objective, trials, seeds, space):
    """The geometric mean over seeds of the best result."""
    sampler = warmed(name, start)
    found = []
    for seed in range(seeds):
        spec = StudySpec(space, seed=seed, budget=trials, warm_start=sampler.warm_start)
        found.append(np.log(best_of(drive(sampler, objective, trials, spec)[0]) + 1e-9))
    return float(np.exp(np.mean(found)))


LEARNING = [name for name in SAMPLERS if not name.startswith(("bayes", "auto"))]
CUBE = box(3, 0.0, 1.0)


@pytest.mark.parametrize("name", LEARNING)
def test_an_opposite_past_costs_little(name):
    wrong = quantile_start(CUBE, tasks_of(CUBE, lambda _, config: -hills(_, config)))
    cold = typical(name, WarmStart(), hills, 60, 8, CUBE)
    assert typical(name, wrong, hills, 60, 8, CUBE) < 3.0 * cold


@pytest.mark.parametrize("name", LEARNING)
def test_a_similar_past_helps(name):
    alike = quantile_start(CUBE, tasks_of(CUBE, hills))
    cold = typical(name, WarmStart(), hills, 6, 12, CUBE)
    assert typical(name, alike, hills, 6, 12, CUBE) < 0.5 * cold


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("name", ["bayes", "auto"])
def test_a_model_based_sampler_forgets_an_opposite_past(name, transfer):
    wrong = tasks_of(CUBE, lambda _, config: -sphere(0.7)(_, config))
    trials = Evaluations(wrong[0].points[:6], wrong[0].scores[:6])
    start = TRANSFERS[transfer](CUBE, wrong, trials)
    assert typical(name, start, sphere(0.7), 16, 2, CUBE) < 1e-4


@pytest.mark.parametrize("name", ["bayes", "genetic", "cmaes", "tpe"])
def test_a_study_that_moves_to_another_space_goes_on_without_the_points(name, tmp_path):
    start, wider = start_of("quantile"), Space(lr=Float(1e-4, 1e-1, log=True), other=Float(0, 1))
    where = {"storage": f"sqlite:///{tmp_path}/runs.db", "name": "moved", "seed": 0}
    study = Study(SPACE, sampler=warmed(name, start), **where)
    study.optimize(lambda config: mixed(0, config), trials=4)
    study.close()
    study = Study(wider, sampler=warmed(name, WarmStart()), **where)
    study.optimize(lambda config: config["lr"], trials=6)
    assert all(wider.contains(trial.config) for trial in study.trials[4:])
    study.close()
