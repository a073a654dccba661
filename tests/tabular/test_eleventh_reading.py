"""What an eleventh reading found: rows of weight 0, zones of Python's times, long cells, threads, arguments."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import zoneinfo
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, make_scorer

from in_process import stay_in_process
from seasoned import AutoClassifier, AutoRegressor, Metric, SearchSettings
from seasoned.cli.display import score_of
from seasoned.errors import InvalidInput
from seasoned.report.explain.permutation_test import said_once
from seasoned.report.model.code import code_of
from seasoned.tabular.features.group_statistics import _PAIRS, GroupStatistics
from seasoned.tabular.features.text_levels import _count
from seasoned.tabular.schema.identifiers import identifier
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.time_zones import offset_of, with_zone, zone_of_cells

RNG = np.random.default_rng(0)
SEARCH = SearchSettings(models=["linear"], folds=2)


@pytest.fixture
def table():
    X = pd.DataFrame(RNG.normal(size=(120, 2)), columns=["a", "b"])
    return X, pd.Series(np.where(X["a"] > 0, "yes", "no"))


def test_rows_of_weight_zero_are_left_out_of_scores(table, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = table
    w = np.ones(len(y))
    w[:3] = 0.0
    odd = y.copy()
    odd[:3] = "test"
    model = AutoClassifier("accuracy", trials=1, workers=1, search=SEARCH, random_state=0, experience=None)
    model.fit(X, odd, sample_weight=w)
    assert model.score(X, odd, sample_weight=w) == model.score(X[3:], y[3:])
    assert len(model.leaderboard(X, odd, sample_weight=w)) >= 2
    with pytest.raises(InvalidInput, match="'test', a class that was not there"):
        model.score(X, odd)
    with pytest.raises(InvalidInput, match="inconsistent numbers of samples"):
        model.score(X, odd[1:], sample_weight=w)
    number = X["a"].copy()
    number[:3] = 1e6
    regressor = AutoRegressor("max_error", trials=1, workers=1, search=SEARCH, random_state=0, experience=None)
    regressor.fit(X, number, sample_weight=w)
    assert regressor.score(X, number, sample_weight=w) > -1.0
    with pytest.raises(InvalidInput, match="takes no sample_weight"):
        regressor.explain(X, method="shap", sample_weight=w)
    with pytest.raises(InvalidInput, match="takes no background"):
        regressor.explain(X, number, background=X)


def test_a_report_without_rows_takes_no_weights(table, tmp_path, monkeypatch):
    stay_in_process(monkeypatch)
    X, y = table
    model = AutoClassifier("accuracy", trials=1, workers=1, search=SEARCH, random_state=0, experience=None).fit(X, y)
    with pytest.raises(InvalidInput, match="no rows are given"):
        model.report(tmp_path / "r.html", sample_weight=np.ones(len(y)))
    assert not (tmp_path / "r.html").exists()


def test_python_times_are_read_as_clocks_there_show_them():
    winter = [dt.datetime.fromisoformat(f"2026-01-{day:02}T08:30-05:00") for day in range(1, 21)]
    summer = [dt.datetime.fromisoformat(f"2026-07-{day:02}T08:30-04:00") for day in range(1, 11)]
    frame = pd.DataFrame({"t": pd.Series([*winter, *summer], dtype=object), "x": RNG.normal(size=30)})
    schema = Schema.infer(frame)
    (when,) = (column for column in schema.columns if column.name == "t")
    assert when.kind == "date"
    assert when.zone == "UTC-05:00"
    assert schema.apply(frame)["t"].dt.hour.tolist() == [8] * 20 + [7] * 10
    tokyo = zoneinfo.ZoneInfo("Asia/Tokyo")
    local = pd.Series([dt.datetime(2026, 1, day, 9, tzinfo=tokyo) for day in (1, 2)], dtype=object)
    assert zone_of_cells(local) == "Asia/Tokyo"
    naive = pd.Series([dt.datetime.fromisoformat("2026-01-01"), dt.datetime.fromisoformat("2026-01-02")], dtype=object)
    assert zone_of_cells(naive) is None
    assert zone_of_cells(pd.Series([1.0, 2.0])) is None


def test_a_long_cell_is_looked_at_from_its_end():
    long = "0:00" * 50_000  # a search from each place would take minutes
    assert with_zone(pd.Series([long, "2026-01-01T10:00+09:00  "])).tolist() == [False, True]
    assert offset_of(pd.Series([long] * 3)) is None


def test_warnings_of_other_threads_are_all_told(caplog):
    logger = logging.getLogger("seasoned.tabular")
    with caplog.at_level(logging.WARNING, "seasoned.tabular"), said_once():
        for _ in range(2):
            logger.warning("cells cannot be read: %s", "mine")
            other = threading.Thread(target=logger.warning, args=("cells cannot be read: %s", "theirs"))
            other.start()
            other.join()
    told = [record.getMessage().rsplit(" ", 1)[1] for record in caplog.records]
    assert sorted(told) == ["mine", "theirs", "theirs"]


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        (Metric("cost", costs=np.array([[0, 1], [5, 0]])), True),
        (make_scorer(fbeta_score, beta=2), False),
    ],
)
def test_code_that_repeats_a_fit_runs(metric, shown):
    code = code_of(AutoClassifier(metric), SimpleNamespace(weighted=False, grouped=False))
    assert ("array(" in code) is shown
    assert ("metric=..." in code) is not shown
    space = {}
    exec(code.rpartition("\n")[0], space)
    assert isinstance(space["model"], AutoClassifier)


def test_the_best_pairs_are_those_of_the_best_columns():
    alone = RNG.random(900)
    groups, quantities = list(range(400)), list(range(400, 900))
    rows = SimpleNamespace(quantities=np.array(quantities))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seasoned.tabular.features.group_statistics.few_valued", lambda _: groups)
        found = GroupStatistics()._pairs(rows, alone)
    every = sorted(((g, q) for g in groups for q in quantities), key=lambda pair: -(alone[pair[0]] + alone[pair[1]]))
    assert set(found) == set(every[:_PAIRS])


def test_missing_cells_are_no_level():
    assert _count(np.array([0.0, 1.0, np.nan, 1.0, np.nan])) == 2


@pytest.mark.parametrize("sort", ["{}/{}", "{}.5x{}.2", "48.{}_2.{}", "10.0.{}:{}"])
def test_numbers_in_one_cell_are_no_identifiers(sort):
    words = pd.Series([sort.format(100 + n, 60 + 2 * n) for n in range(40)])
    told = identifier("size", "text", words)
    assert (told is None) is (sort != "10.0.{}:{}")


@pytest.mark.parametrize("sort", ["{}-{}", "2024/{:05}{}", "000{}_{}", "{}/00{}"])
def test_codes_with_a_dash_or_leading_zeros_are_identifiers_still(sort):
    words = pd.Series([sort.format(7590 + n, 1234 + 3 * n) for n in range(40)])
    assert identifier("customer", "text", words) is not None


def test_what_fails_while_predicting_is_not_undefined(table, monkeypatch):
    X, y = table

    def fails(*_):
        raise ValueError("Input X contains NaN")

    model = SimpleNamespace(
        feature_names_in_=list(X.columns),
        fitted_=SimpleNamespace(metric=SimpleNamespace(score=float)),
        score=fails,
        predict=fails,
    )
    said = SimpleNamespace(counts=lambda _: True, features=lambda *_: X, weights_of=lambda _: None, target="y")
    with pytest.raises(ValueError, match="contains NaN"):
        score_of(model, said, X.assign(y=y))
    model.predict = lambda _: None
    assert score_of(model, said, X.assign(y=y)) is None
