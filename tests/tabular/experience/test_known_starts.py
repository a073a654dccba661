"""Initial configurations that past tasks have scored: their rows, suggestions and gains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from advised import FEATURES, SCENE, SPACE, guide, loss, play, sampler
from seasoned.knowledge.advice.similar_tasks import SimilarTasks
from seasoned.tabular.experience.advice import TaskAdvice
from seasoned.tabular.experience.record import search_statistics
from seasoned.tabular.features.pipeline import LEVELS
from seasoned.tabular.trial.configuration import textual
from seasoned.tabular.trial.trial_row import TrialRow
from seasoned.trials import Suggested


def with_start():
    """Advice with one more known configuration that replaces the default of its family, and this configuration."""
    first = guide()
    recalled = first.recalled
    assert recalled.configs[-1] != first.configs[0]
    start = {"model": {"two": {"x": 0.7}}}
    default = next(row for row, config in enumerate(first.configs) if config == {"model": {"two": {"x": 0.5}}})
    scores = np.hstack([recalled.scores, np.full((len(recalled.scores), 1), np.nan)])
    scores[0, -1] = scores[0, default]
    wide = SimilarTasks(
        (*recalled.configs, start),
        scores,
        np.ones_like(scores),
        np.zeros(scores.shape, bool),
        recalled.weights,
        np.full((len(scores), FEATURES), 3.0),
        recalled.names,
        {"id": "1"},
    )
    return TaskAdvice(wide, SCENE, SPACE, 60.0), start


def test_advised_sampler_suggests_a_known_start_once():
    known, start = with_start()
    found = sampler(known)
    found = replace(found, defaults=(found.defaults[0], start, found.defaults[2]))
    log, _ = play(found, 20, cost=lambda config: loss(config, centre=0.5))
    asked = [textual(event.config) for event in log if isinstance(event, Suggested)]
    assert len(asked) == len(set(asked))


def test_gain_of_advice_excludes_initial_configurations():
    known, start = with_start()
    ((family, settings),) = start["model"].items()
    trials = [TrialRow(0, family, settings, loss=-0.8)]
    assert search_statistics(trials, known, -0.5, frozenset())["advised"]
    assert not search_statistics(trials, known, -0.5, frozenset([textual(start)]))["advised"]


def test_a_start_with_level_features_has_the_row_of_its_family_default():
    known = guide()
    made = {"features": {"made": {LEVELS: True, "columns": 5}}}
    assert known.row_of_start({"model": {"two": {"x": 0.5, **made}}}) == known.row_of_start(
        {"model": {"two": {"x": 0.5}}}
    )
    others = {"features": {"made": {LEVELS: True, "arithmetic": True, "columns": 5}}}
    assert known.row_of_start({"model": {"two": {"x": 0.5, **others}}}) is None
