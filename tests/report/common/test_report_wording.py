"""Wording of reports: numbers, durations, settings and the summary."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seasoned.report._common.wording import duration, family_name, number, settings, short, summary
from seasoned.tabular.models.registry import MODELS


def test_numbers_durations_and_settings_are_formatted_for_readers():
    assert [number(v) for v in (None, float("nan"), 0.5, 4.912, 12345.6, -0.00001234)] == [
        "–",  # noqa: RUF001 - a dash is meant
        "–",  # noqa: RUF001
        "0.5000",
        "4.912",
        "12,346",
        "-1.234e-05",
    ]
    assert [duration(v) for v in (0.0, 9.96, 119.7, 3600)] == ["0 s", "10 s", "2 min 0 s", "60 min 0 s"]
    assert settings({}) == ""
    assert settings({"booster": {}, "rounds": None}) == "booster = default, rounds = None"
    assert settings({"features": {"none": {}}, "boost": {"dart": {"drop": {}}}}) == "features = none, boost.dart = drop"


@given(st.text(), st.integers(5, 40))
def test_shortened_text_keeps_its_limit(text, most):
    assert len(short(text, most)) <= most
    assert short(text, most) == text or len(text) > most


def test_summary_states_ensemble_score_trials_and_failures(data):
    assert summary(data) == (
        "An ensemble of 2 models (LightGBM, Linear model) reached roc_auc 0.8800 in validation. "
        "6 configurations were tried in 58 s; 1 failed, and 2 were stopped early."
    )
    alone = replace(data, members=data.members[:1], trials=data.trials[1:2], score=None, fit_seconds=None)
    assert summary(alone) == "LightGBM reached roc_auc 0.8700 in validation. 1 configuration was tried; none failed."
    many = tuple(replace(data.members[0], model=name) for name in ("a", "b", "c", "d", "e", "a"))
    assert "An ensemble of 6 models (a, b, c, 2 other families)" in summary(replace(data, members=many))
    assert "no configuration" in summary(replace(data, trials=())).lower()
    assert "best configuration, LightGBM, reached roc_auc 0.8700" in summary(replace(data, score=None))


def test_every_model_family_has_a_display_name():
    assert [name for name in MODELS if family_name(name) == name] == []


def test_stacked_models_are_worded_the_same_for_tuples_and_lists():
    below = {"model": {"linear": {"penalty": 1.0}}}
    assert settings({"depth": 3, "stacked_on": (below, below)}) == settings({"depth": 3, "stacked_on": [below, below]})
