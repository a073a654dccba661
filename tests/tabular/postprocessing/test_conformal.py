"""Intervals and sets: that they hold the truth as often as they say, what they cost, and how they are stored.

Tests of coverage count hits over many draws; their bounds are those beyond which a right implementation lies with
probability 1e-6.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binom

from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.errors import InvalidInput
from seasoned.tabular.postprocessing import conformal
from seasoned.tabular.postprocessing.conformal import Conformal, learn_conformal
from seasoned.tabular.postprocessing.out_of_fold import OutOfFold
from seasoned.tabular.safe_files import zip_container

FALSE_ALARM = 1e-6


def pooled(predicted, truth, weights=None):
    return OutOfFold(np.arange(len(truth)), truth, predicted, weights, np.arange(len(truth)) % 5)


def assert_share(hits, draws, share, most=None):
    """A number of independent hits that a right implementation misses with probability 1e-6 at most."""
    assert binom.ppf(FALSE_ALARM / 2, draws, share) <= hits <= binom.ppf(1 - FALSE_ALARM / 2, draws, most or share)


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("rows", [39, 100])
def test_a_new_number_lies_inside_as_often_as_the_ranks_say(coverage, rows):
    """(ranks between the bounds) / (rows + 1), exactly, for any continuous errors, here skewed ones."""
    rng = np.random.default_rng(rows)
    inside, draws = 0, 4_000
    for _ in range(draws):
        errors = rng.exponential(size=rows + 1)
        found = learn_conformal(pooled(np.zeros(rows), errors[:-1]), None, 0)
        low, high = found.intervals(np.zeros(1), None, coverage)[0]
        inside += low <= errors[-1] <= high
    one_side = int(np.ceil((1 + coverage) / 2 * (rows + 1) - 1e-9))
    exact = (2 * one_side - (rows + 1)) / (rows + 1)
    assert exact >= coverage - 1e-12
    assert_share(inside, draws, exact)


def test_with_a_scale_learned_on_other_rows_it_still_holds():
    """Errors grow with a column; the scale finds that, and coverage holds overall and, nearly, on either side."""
    rng = np.random.default_rng(1)
    inside, wide, draws = [], [], 100
    for seed in range(draws):
        x = rng.uniform(0, 1, 1_001)
        truth = (0.2 + 2.0 * (x > 0.5)) * rng.normal(size=1_001)
        found = learn_conformal(pooled(np.zeros(1_000), truth[:-1]), x[:-1, None], seed)
        assert found.scale is not None
        low, high = found.intervals(np.zeros(1), x[-1:, None], 0.8)[0]
        inside.append(low <= truth[-1] <= high)
        wide.append((x[-1] > 0.5, high - low))
    assert_share(sum(inside), draws, 0.8, most=0.8 + 2 / 501)
    widths = [np.mean([width for upper, width in wide if upper == half]) for half in (False, True)]
    assert widths[1] > 4 * widths[0]


def test_a_scale_is_left_out_where_it_does_not_help():
    rng = np.random.default_rng(2)
    scales = [
        learn_conformal(pooled(np.zeros(1_500), rng.normal(size=1_500)), rng.random((1_500, 3)), seed).scale
        for seed in range(5)
    ]
    assert scales == [None] * 5
    few = learn_conformal(pooled(np.zeros(100), np.linspace(-1, 1, 100) ** 3), rng.random((100, 1)), 0)
    assert few.scale is None
    assert len(few.scores) == 100
    assert learn_conformal(pooled(np.ones(1_500), np.ones(1_500)), rng.random((1_500, 1)), 0).scale is None


def test_the_interval_score_is_that_of_the_rows_that_count():
    rng = np.random.default_rng(0)
    gap, size = rng.normal(size=400), rng.uniform(0.5, 2.0, 400)
    low, high = np.quantile(gap / size, [0.05, 0.95])
    outside = np.maximum(low * size - gap, 0) + np.maximum(gap - high * size, 0)
    expected = np.mean((high - low) * size + 20 * outside)
    assert conformal.interval_score(gap, size, np.ones(400)) == pytest.approx(expected)
    more = np.concatenate([gap, 50 * rng.normal(size=400)]), np.concatenate([size, np.ones(400)])
    mass = np.repeat([1.0, 1e-9], 400)
    assert conformal.interval_score(*more, mass) == pytest.approx(expected, rel=0.01)
    assert conformal.interval_score(*more, np.ones(800)) > 5 * expected


@pytest.mark.parametrize("coverage", [0.6, 0.9])
def test_a_new_label_is_in_its_set_as_often_as_the_ranks_say(coverage):
    rng = np.random.default_rng(3)
    inside, draws, rows = 0, 3_000, 60
    for _ in range(draws):
        p = rng.dirichlet(np.ones(4), rows + 1)
        y = (p.cumsum(axis=1) < rng.random((rows + 1, 1))).sum(axis=1)
        found = learn_conformal(pooled(p[:-1], y[:-1]), None, 0)
        inside += bool(found.sets(p[-1:], coverage)[0, y[-1]])
    exact = np.ceil(coverage * (rows + 1) - 1e-9) / (rows + 1)
    assert_share(inside, draws, exact, most=min(exact + 0.05, 1.0))  # the most probable label is always there


def test_a_row_of_weight_three_counts_as_three():
    rng = np.random.default_rng(4)
    truth, weights = rng.normal(size=200), rng.integers(1, 4, 200)
    weighted = learn_conformal(pooled(np.zeros(200), truth, weights.astype(float)), None, 0)
    repeated = learn_conformal(pooled(np.zeros(weights.sum()), np.repeat(truth, weights)), None, 0)
    found, expected = (one.intervals(np.zeros(1), None, 0.8)[0] for one in (weighted, repeated))
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_wider_for_more_coverage():
    rng = np.random.default_rng(5)
    found = learn_conformal(pooled(np.zeros(300), rng.normal(size=300)), None, 0)
    bounds = [found.intervals(np.zeros(1), None, coverage)[0] for coverage in (0.2, 0.5, 0.9, 0.98)]
    assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in pairwise(bounds))


@pytest.mark.parametrize("coverage", [0.0, 1.0, -1, "0.9", float("nan")])
def test_what_is_no_coverage(coverage):
    found = learn_conformal(pooled(np.zeros(50), np.arange(50.0)), None, 0)
    with pytest.raises(InvalidInput, match="coverage is"):
        found.intervals(np.zeros(1), None, coverage)


def test_a_coverage_that_so_few_rows_cannot_promise():
    found = learn_conformal(pooled(np.zeros(19), np.arange(19.0)), None, 0)
    assert found.intervals(np.zeros(1), None, 0.9)[0].tolist() == [0.0, 18.0]
    with pytest.raises(InvalidInput, match=r"needs more than the 19 validated rows .* at most 0\.9,"):
        found.intervals(np.zeros(1), None, 0.95)


def test_the_most_that_is_promised_is_what_the_docs_say():
    rng = np.random.default_rng(0)
    labels = learn_conformal(pooled(np.full((19, 2), 0.5), rng.integers(0, 2, 19)), None, 0)
    assert labels.sets(np.full((3, 2), 0.5), 1 - 1 / 20).shape == (3, 2)
    with pytest.raises(InvalidInput, match=r"at most 0\.95"):
        labels.sets(np.full((3, 2), 0.5), 0.96)
    kept = [
        len(learn_conformal(pooled(np.zeros(rows), rng.normal(size=rows)), rng.random((rows, 1)), 0).scores)
        for rows in (999, 1_000, 5_000)
    ]
    assert kept == [999, 500, 2_000]


def test_it_survives_and_damage_is_refused():
    rng = np.random.default_rng(6)
    x = rng.random(1_200)
    found = learn_conformal(pooled(np.zeros(1_200), x * rng.normal(size=1_200)), x[:, None], 0)
    again = Conformal.load(found.dump(), found.dump_scale())
    new = rng.random((50, 1))
    np.testing.assert_array_equal(again.intervals(np.zeros(50), new, 0.9), found.intervals(np.zeros(50), new, 0.9))
    for wrong in (
        replace(found, scores=found.scores[::-1]),
        replace(found, mass=-found.mass),
        replace(found, mass=found.mass[1:]),
        replace(found, floor=0.0),
        replace(found, scores=np.zeros(0), mass=np.zeros(0)),
    ):
        with pytest.raises(ValueError, match="its conformal scores"):
            Conformal.load(wrong.dump(), None)
    with pytest.raises(InvalidInput, match="NaN"):
        Conformal.load(replace(found, floor=float("nan")).dump(), None)
    with pytest.raises(InvalidInput):
        Conformal.load(found.dump(), found.dump_scale()[:100])


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)


def spread_out(n, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 2))
    return X, 10 * X[:, 0] + (0.5 + 3.0 * (X[:, 1] > 0)) * rng.normal(size=n)


def test_intervals_of_a_whole_fit(here, tmp_path):
    """2,000 fresh rows. The coverage of one fit varies with its 500 scores (standard deviation .013) and the rows
    (.007): beyond .9 +- .075, which is five of both together, it lies with probability 1e-6."""
    X, y = spread_out(1_000)
    fresh, truth = spread_out(2_000, seed=1)
    model = estimator("regression").fit(X, y)
    bounds = model.predict_interval(fresh, coverage=0.9)
    assert bounds.shape == (2_000, 2)
    inside = (bounds[:, 0] <= truth) & (truth <= bounds[:, 1])
    assert inside.mean() == pytest.approx(0.9, abs=0.075)
    width = bounds[:, 1] - bounds[:, 0]
    assert np.median(width[fresh[:, 1] > 0]) > 2 * np.median(width[fresh[:, 1] < 0])
    model.save(tmp_path / "model.seasoned")
    again = load(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(again.predict_interval(fresh, coverage=0.9), bounds)
    assert again.predict_interval(fresh[:0]).shape == (0, 2)
    with pytest.raises(InvalidInput, match="features"):
        again.predict_interval(fresh[:, :1])


def test_sets_of_a_whole_fit(here, tmp_path):
    """As above: 900 scores, 3,000 fresh rows, five standard deviations."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(3_900, 2))
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0] + 0.7 * rng.normal(size=3_900), [-0.5, 0.5])]
    model = estimator("classification").fit(X[:900], y[:900])
    found = model.predict_set(X[900:], coverage=0.9)
    codes = np.searchsorted(model.classes_, y[900:])
    assert found[np.arange(3_000), codes].mean() == pytest.approx(0.9, abs=0.06)
    assert 1.0 < found.sum(axis=1).mean() < 2.0
    assert found.any(axis=1).all()
    model.save(tmp_path / "model.seasoned")
    np.testing.assert_array_equal(load(tmp_path / "model.seasoned").predict_set(X[900:], coverage=0.9), found)


def test_a_scale_of_another_table_is_refused(here, tmp_path):
    X, y = spread_out(1_000)
    wide = np.column_stack([X, X[:, 0] ** 2])
    for name, table in (("narrow", X), ("wide", wide)):
        model = estimator("regression").fit(table, y)
        assert model.fitted_.conformal.scale is not None
        model.save(tmp_path / name)
    manifest, members = zip_container.unpack(tmp_path / "narrow", None)
    _, others = zip_container.unpack(tmp_path / "wide", None)
    members["conformal-scale"] = others["conformal-scale"]
    (tmp_path / "forged").write_bytes(zip_container.pack(manifest, members, None))
    with pytest.raises(InvalidInput, match="scale of intervals was fitted on another table"):
        load(tmp_path / "forged")


def test_a_model_without_scores_says_so(here):
    X, y = spread_out(100)
    model = estimator("regression").fit(X, y)
    model.restore(replace(model.fitted_, conformal=None))
    with pytest.raises(InvalidInput, match="fit again"):
        model.predict_interval(X)


@pytest.mark.parametrize("sizes", [np.full(60, 25), [1_400, *np.full(10, 10)], [1_500]])
def test_halves_share_no_group(sizes):
    """A group of half of the rows and more is in one of them, and the only group there is in both."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rows = replace(pooled(np.zeros(len(groups)), np.zeros(len(groups))), groups=groups)
    for seed in range(5):
        order = conformal.shuffled_groups(rows, np.random.default_rng(seed))
        one, other = conformal.split_in_halves(order, rows)
        assert sorted([*one, *other]) == list(range(len(groups)))
        assert min(len(one), len(other)) > 0
        assert not set(groups[one]) & set(groups[other]) or len(sizes) == 1
    assert len({tuple(conformal.shuffled_groups(rows, np.random.default_rng(seed))) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("sizes", "scaled"), [([1, 1_499], False), ([1_400, 100], False), ([750, 750], True), ([5] * 300, True)]
)
def test_a_few_large_groups_leave_enough_rows_to_say_how_far_off(sizes, scaled):
    rng = np.random.default_rng(0)
    groups, x = np.repeat(np.arange(len(sizes)), sizes), rng.uniform(0, 1, 1_500)
    truth = (0.2 + 2.0 * (x > 0.5)) * rng.normal(size=1_500)
    for seed in range(4):
        found = learn_conformal(replace(pooled(np.zeros(1_500), truth), groups=groups), x[:, None], seed)
        low, high = found.intervals(np.zeros(1), x[:1, None], 0.9)[0]
        assert low < 0 < high
        assert (found.scale is not None) == scaled


def sites(classes):
    """Out-of-fold predictions of 20 groups with 2,000 rows each; every group has its own bias."""
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(20), 2_000)
    truth = rng.normal(size=20)[group] + 0.01 * rng.normal(size=len(group))
    predicted = np.zeros(len(group))
    if classes:
        truth = (truth > 0).astype(np.int64)
        predicted = np.column_stack([1 - 0.02 * group, 0.02 * group])
    rows = np.arange(len(group))
    return OutOfFold(rows, truth, predicted, None, rows % 5, groups=group)


@pytest.mark.parametrize(("kind", "groups"), [("numbers", 20), ("numbers with a scale", 10), ("classes", 20)])
def test_conformal_scores_are_drawn_from_all_large_groups(kind, groups, monkeypatch):
    told, codes, scale = sites(kind == "classes"), None, kind == "numbers with a scale"
    if scale:  # a column says where errors are large; half of the groups teach that, the others are scored
        rng = np.random.default_rng(1)
        codes = rng.uniform(size=(len(told.truth), 1))
        told = replace(told, truth=told.truth + 10 * (codes[:, 0] > 0.5) * rng.normal(size=len(codes)))
    some, drawn = conformal.sample_rows, []
    monkeypatch.setattr(conformal, "sample_rows", lambda *given: drawn.append(some(*given)) or drawn[-1])
    found = learn_conformal(told, codes, 0)
    assert len(found.scores) == conformal._MAX_STORED_SCORES
    assert (found.scale is not None) == scale
    assert len(np.unique(told.groups[drawn[-1]])) == groups
    if kind == "classes":
        assert len(np.unique(found.scores)) >= 18
    elif not scale:
        assert (np.diff(found.scores) > 0.03).sum() >= 5, "biases of several groups"
