"""Contract of feature steps, and of steps that leave columns out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from seasoned.tabular.features import group_statistics, target_encoding
from seasoned.tabular.features.base import Given, Rows, few_valued, levels_of
from seasoned.tabular.features.pipeline import (
    SELECTIONS,
    STEPS,
    TEXT_STEPS,
    FeaturePipeline,
    fit_features,
    target_columns,
)
from seasoned.tabular.features.text_cache import STATISTICS, TextRows

N = 900
OUT_OF_FOLD = {"encoding"}  # gives the training rows something else than other rows, and says so


def planted(task="regression", seed=0, rows=N):
    """Rows in which every step finds something: quantities a, b and c, a level, a day of the week, a city, texts."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    level, day, city = rng.integers(0, 12, rows), rng.integers(0, 7, rows), rng.integers(0, 150, rows)
    effect, topic = rng.normal(size=150), rng.integers(0, 3, rows)
    words = [[f"{kind}{number}" for number in range(40)] for kind in ("red", "green", "blue")]
    texts = [" ".join(rng.choice(words[kind], rng.integers(3, 9))) for kind in topic]
    texts[3] = None
    own = rng.normal(size=rows)
    c = 3 * rng.normal(size=12)[level] + own  # how far it is from its level's mean tells, c itself hardly
    y = 2 * a * b + 2 * np.abs(a) + 2 * own + 2 * effect[city] + (topic == 1) + 0.3 * rng.normal(size=rows)
    codes = np.column_stack([a, b, level, day, city, c]).astype(float)
    codes[::11, 1] = np.nan
    given = Given(codes, (TextRows.of(texts), TextRows.of(["the same"] * rows)))
    classes = {"regression": 0, "binary": 2, "multiclass": 3}[task]
    y = np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1])) if classes else y
    return Rows(given, frozenset({2, 4}), target_columns(y, classes), None, seed, ((3, 7.0),))


def plain(state):
    return json.loads(json.dumps(state, allow_nan=False))


@pytest.fixture(scope="module", params=["regression", "binary", "multiclass"])
def rows(request):
    return planted(request.param)


@pytest.mark.parametrize("name", STEPS)
class TestSteps:
    def test_finds_something_and_the_same_again(self, name, rows):
        first, made = STEPS[name].fit(rows, 30)
        again, same = STEPS[name].fit(rows, 30)
        assert made.shape == (N, first.count)
        assert first.count > 0
        assert first.to_json() == again.to_json()
        np.testing.assert_array_equal(made, same)

    def test_gives_other_rows_what_it_gives_the_training_rows(self, name, rows):
        fitted, made = STEPS[name].fit(rows, 30)
        found = fitted.transform(rows.given)
        assert found.shape == made.shape
        if name not in OUT_OF_FOLD:
            np.testing.assert_array_equal(found, made)
        some = np.array([5, 800, 3])
        np.testing.assert_allclose(fitted.transform(rows.given.take(some)), found[some], rtol=1e-12)

    def test_makes_no_more_than_it_may(self, name):
        assert STEPS[name].fit(planted("binary"), 3)[0].count <= 3

    def test_survives_a_file(self, name, rows):
        fitted, _ = STEPS[name].fit(rows, 30)
        width = len(rows.given.texts) if name in TEXT_STEPS else rows.codes.shape[1]
        again = STEPS[name].from_json(plain(fitted.to_json()), width)
        np.testing.assert_array_equal(again.transform(rows.given), fitted.transform(rows.given))
        with pytest.raises(ValueError, match="not there"):
            STEPS[name].from_json(plain(fitted.to_json()), 0)

    def test_takes_any_rows(self, name, rows):
        fitted, _ = STEPS[name].fit(rows, 30)
        strange = np.array([[np.nan] * 6, [1e37] * 6, [-1e37, 0, -1, 99, 1e6, 5]])
        texts = TextRows.of([None, "", "\x00 ?? ÄÖ 1e9 \U0001f600 \n\n" * 2000])
        found = fitted.transform(Given(strange, (texts, texts)))
        assert found.shape == (3, fitted.count)
        assert not np.isinf(found).any()
        nothing = Given(strange[:0], (TextRows.of([]),) * 2)
        assert fitted.transform(nothing).shape == (0, fitted.count)

    @pytest.mark.parametrize("size", [1, 2, 20])
    def test_makes_nothing_of_nothing(self, name, size):
        for value in (np.nan, 7.0):
            texts = TextRows.of([None if np.isnan(value) else "the same"] * size)
            given = Given(np.full((size, 2), value), (texts,))
            bare = Rows(given, frozenset({1}), np.zeros((size, 1)), None, 0, ((0, 7.0),))
            fitted, made = STEPS[name].fit(bare, 20)
            assert fitted.count == 0
            assert made.shape == (size, 0)

    def test_weights_of_one_are_no_weights(self, name, rows):
        weighted = Rows(rows.given, rows.categorical, rows.aims, np.ones(N), rows.seed, rows.cyclic)
        np.testing.assert_allclose(STEPS[name].fit(weighted, 30)[1], STEPS[name].fit(rows, 30)[1], rtol=1e-9)


def of(matrix, y, classes=0, weight=None):
    return Rows(Given(matrix), frozenset(), target_columns(np.asarray(y), classes), weight, 0)


@pytest.mark.parametrize("name", SELECTIONS)
class TestSelections:
    def test_keeps_what_tells_something(self, name):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(N, 6))
        X[::9, 2] = np.nan
        for y, classes in ((np.nansum(X[:, :3], axis=1), 0), (np.digitize(X[:, 0] + X[:, 1] + X[:, 3], [-1, 1]), 3)):
            told = X[:, :3] if not classes else X[:, [0, 1, 3]]
            assert SELECTIONS[name].keep(told, of(told, y, classes)).all()

    def test_keeps_both_sides_of_an_exclusive_or(self, name):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(N, 8))
        kept = SELECTIONS[name].keep(X, of(X, (X[:, 2] > 0) ^ (X[:, 5] > 0), 2))
        assert kept[[2, 5]].all()

    def test_is_the_same_again_and_leaves_the_rows_alone(self, name):
        rows = planted()
        before = rows.codes.copy()
        first = SELECTIONS[name].keep(rows.codes, rows)
        assert first.dtype == np.bool_
        assert first.shape == (6,)
        np.testing.assert_array_equal(first, SELECTIONS[name].keep(rows.codes, rows))
        np.testing.assert_array_equal(before, rows.codes)

    @pytest.mark.parametrize("size", [1, 2, 60])
    def test_takes_any_rows(self, name, size):
        for value in (np.nan, 7.0, 1e37):
            matrix = np.full((size, 3), value)
            assert SELECTIONS[name].keep(matrix, of(matrix, np.zeros(size))).shape == (3,)
            made, found = fit_features(
                {"made": {name: True, "columns": 20}}, of(matrix, np.zeros(size)), matrix, "codes"
            )
            assert found.shape[1] > 0, "never nothing at all"
            assert made is None or found.shape[1] == len(made.selection)


def test_of_columns_that_say_the_same_the_more_telling_stays():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, N))
    X = np.column_stack([x, np.exp(x), -(x**3), x + rng.normal(size=N), z, np.ones(N), z + 0.05 * rng.normal(size=N)])
    X[::7, 1] = np.nan
    kept = SELECTIONS["redundant"].keep(X, of(X, x + X[:, 6]))
    assert kept[[0, 2]].sum() == 1, "the same order, or the reverse one"
    assert kept[[1, 3, 4, 5, 6]].tolist() == [True, True, False, False, True], "gaps and noise say something else"


def test_a_level_that_few_rows_have_is_no_constant():
    rows = 20_000
    rare, x = np.zeros(rows), np.random.default_rng(0).normal(size=rows)
    rare[: N // 100 + 1] = 1.0
    X = np.column_stack([x, rare, np.ones(rows)])
    given = of(X, x)
    assert not rare[given.sample(2_000)].any(), "those that are looked at do not have it"
    assert SELECTIONS["redundant"].keep(X, given).tolist() == [True, True, False]


def test_many_columns_are_compared_in_bounded_time():
    rng = np.random.default_rng(0)
    X = np.tile(rng.normal(size=(60, 750)), 2)
    kept = SELECTIONS["redundant"].keep(X, of(X, X[:, 0]))
    assert kept[[0, 750]].tolist() == [True, False]
    assert 750 <= kept.sum() < 1_250, "of the 1,000 that tell most half repeat the other half"


def test_noise_goes():
    """Of 100 columns of noise one in six stays: 17, with a deviation of 3.7; 40 come once in 10^8 runs."""
    stayed = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = np.column_stack([rng.normal(size=(300, 10)), rng.integers(0, 4, (300, 10)), rng.normal(size=300)])
        kept = SELECTIONS["uninformative"].keep(X, of(X, X[:, 20] + 0.5 * rng.normal(size=300)))
        assert kept[20]
        stayed += kept[:20].sum()
    assert stayed < 40


def test_weights_decide_what_is_noise():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 6))
    first = np.arange(N) < N // 2
    y = np.where(first, X[:, 0], X[:, 1])
    kept = SELECTIONS["uninformative"].keep(X, of(X, y, weight=np.where(first, 1.0, 1e-9)))
    assert kept[:2].tolist() == [True, False]


@pytest.mark.parametrize("diet", ["codes", "dense"])
def test_what_is_left_out_stays_left_out(diet):
    rows = planted("binary")
    matrix = rows.codes if diet == "codes" else np.nan_to_num(rows.codes)
    config = {"made": {**dict.fromkeys([*STEPS, *SELECTIONS], True), "columns": 30}}
    made, found = fit_features(config, rows, matrix, diet)
    full = replace(made, selection=None).extend(rows.given, matrix, diet)
    assert 0 < found.shape[1] == len(made.selection) < full.shape[1]
    np.testing.assert_array_equal(made.extend(rows.given, matrix, diet), full[:, made.selection])
    again = FeaturePipeline.from_json(plain(made.to_json()), 6, 2)
    np.testing.assert_array_equal(again.extend(rows.given, matrix, diet), full[:, made.selection])
    assert made.extend(made.nothing(), matrix[:0], diet).shape == (0, len(made.selection))
    levels = set(made.selection[list(made.categorical((2, 4), matrix.shape[1]))].tolist())
    assert levels & set(range(6)) == {2, 4} & set(made.selection.tolist())
    assert len(levels - set(range(6))) <= 1, "the city, once more"
    with pytest.raises(ValueError, match="not there"):
        replace(made, selection=np.array([0, 999])).extend(made.nothing(), matrix[:0], diet)


@pytest.mark.parametrize("texts", [0, 2])
def test_a_file_from_before_steps_read_texts_makes_what_it_made(texts):
    rows = planted("binary")
    before = replace(rows, given=Given(rows.codes))
    config = {"made": {**dict.fromkeys(["arithmetic", "frequency", "encoding"], True), "columns": 9}}
    made, _ = fit_features(config, before, rows.codes, "codes")
    found = made.extend(before.given, rows.codes, "codes")
    state = {name: value for name, value in plain(made.to_json()).items() if name in {"width", "steps", "dense"}}
    again = FeaturePipeline.from_json(state, 6 + texts, texts)
    more = Given(np.hstack([rows.codes, np.zeros((N, texts))]), rows.given.texts[:texts])
    np.testing.assert_array_equal(again.extend(more, rows.codes, "codes"), found)
    assert again.extend(again.nothing(), rows.codes[:0], "codes").shape == (0, found.shape[1])
    with pytest.raises(ValueError, match="another table"):
        FeaturePipeline.from_json(state, 7 + texts, texts)


@pytest.mark.parametrize("kept", [[], [2, 1], [1, 1], [-1, 2], [0.0, 1.0], [True], ["a"], "ab", 3])
def test_forged_places_are_refused(kept):
    rows = planted("binary")
    made, _ = fit_features(
        {"made": {"arithmetic": True, "uninformative": True, "columns": 5}}, rows, rows.codes, "codes"
    )
    state = plain(made.to_json())
    assert FeaturePipeline.from_json(state, 6, 2).count == made.count
    with pytest.raises((ValueError, TypeError)):
        FeaturePipeline.from_json({**state, "selection": kept}, 6, 2)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("text_statistics", ("statistics", 0), [2, 0]),
        ("text_statistics", ("statistics", 0), [0, 11]),
        ("text_statistics", ("statistics", 0), [0, 1.0]),
        ("text_words", ("parts", 0, "text"), 2),
        ("text_words", ("parts", 0, "text"), True),
        ("text_words", ("parts", 0, "buckets", 0), 10**9),
        ("text_words", ("parts", 0, "buckets", 0), 0.5),
        ("text_words", ("parts", 0, "buckets"), []),
        ("text_words", ("parts", 0, "buckets", -1), 2**14),
        ("text_words", ("parts", 0, "rarity", 0), -1.0),
        ("text_words", ("parts", 0, "rarity"), [1.0]),
        ("text_words", ("parts", 0, "loadings"), [0.5]),
        ("text_words", ("parts", 0, "loadings"), []),
        ("text_words", ("parts", 0, "loadings", 0), float("nan")),
        ("text_words", ("parts", 0, "loadings", 0), 1e300),
    ],
)
def test_forged_texts_are_refused(name, path, value):
    state = plain(STEPS[name].fit(planted(), 20)[0].to_json())
    STEPS[name].from_json(state, 2)
    inner = state
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match="a feature"):
        STEPS[name].from_json(state, 2)


def test_statistics_of_a_text():
    found = TextRows.of(["Hello big, BIG world 42!\nBye", None, ""])
    values = dict(zip(STATISTICS, found.statistics[0], strict=True))
    for name, count in {"characters": 28, "words": 6, "lines": 1, "word length": 21 / 6, "longest word": 5}.items():
        assert np.expm1(values[name]) == pytest.approx(count), name
    shares = {
        "distinct words": 5 / 6, "digits": 2 / 28, "capitals": 5 / 19, "punctuation": 2 / 28, "spaces": 5 / 28,
        "other scripts": 0,
    }  # fmt: skip
    assert {name: values[name] for name in shares} == pytest.approx(shares)
    assert np.isnan(found.statistics[1]).all()
    assert not found.statistics[2].any()
    assert found.words.sum(axis=1).tolist() == [11, 0, 0], "six words, five pairs"


def test_words_see_what_a_text_is_about():
    rows = planted()
    fitted, made = STEPS["text_words"].fit(rows, 10)
    topic = rows.given.texts[0].words
    assert len(fitted.parts) == 1, "a column of one text has no components"
    assert np.abs(fitted.parts[0].loadings).max() <= 1
    assert not made[3].any(), "a missing text"
    is_green = np.asarray(topic[:, TextRows.of([f"green{n}" for n in range(40)]).words.indices].sum(axis=1)) > 0
    line = np.column_stack([made, np.ones(N)])
    left = is_green - line @ np.linalg.lstsq(line, is_green.astype(float), rcond=None)[0]
    assert left.var() < 0.2 * is_green.var()


def test_a_column_whose_gaps_tell_something_is_not_redundant():
    rng = np.random.default_rng(0)
    gaps = rng.random(300) < 0.5
    X = np.column_stack([np.where(gaps, np.nan, 1.0), np.full(300, 2.0), np.full(300, np.nan), rng.normal(size=300)])
    kept = SELECTIONS["redundant"].keep(X, of(X, gaps.astype(float)))
    assert kept.tolist() == [True, False, False, True]


def test_of_many_classes_the_most_common_are_looked_at():
    aims = np.zeros((60, 12))
    aims[np.arange(60), np.r_[np.arange(12), np.full(48, 11)]] = 1
    rows = of(np.zeros((60, 1)), np.zeros(60))
    assert replace(rows, aims=aims).common_aims(3).sum(axis=0).tolist() == [1, 1, 49]
    assert replace(rows, aims=aims[:, :2]).common_aims(3).shape == (60, 1)
    assert rows.common_aims(3).shape == (60, 1)


def test_aims_are_those_of_the_ten_most_common_classes():
    codes = np.r_[np.arange(12), np.arange(2, 12)]
    aims = target_columns(codes, 12)
    assert aims.shape == (22, 10)
    np.testing.assert_array_equal(aims, np.eye(12)[codes][:, 2:])
    np.testing.assert_array_equal(target_columns(np.array([1, 0, 1]), 3), np.eye(3)[[1, 0, 1]])


@pytest.mark.parametrize("sparse", [0, 4])
def test_combinations_of_levels_are_numbered_as_other_rows_are(monkeypatch, sparse):
    monkeypatch.setattr(target_encoding, "MAX_DENSE_COMBINATIONS", sparse)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, (200, 2)).astype(float)
    codes[rng.random((200, 2)) < 0.2] = np.nan
    levels = [levels_of(column) for column in codes.T]
    keys, places = target_encoding.level_combinations(levels)
    np.testing.assert_array_equal(
        keys[places], target_encoding.keys_of(codes, (0, 1), tuple(values for values, _ in levels))
    )
    assert len(np.unique(places)) == len(keys)
    assert (np.diff(keys) > 0).all()


def test_groups_in_which_a_quantity_is_always_missing_have_no_statistic():
    group, quantity = np.repeat([1.0, 2.0, 4.0, np.nan], 30), np.arange(120.0)
    quantity[30:60] = np.nan
    codes = np.column_stack([group, quantity])
    (mean, *_) = group_statistics.level_statistics(codes, 0, 1, levels_of(group))
    assert mean.values.tolist() == [1.0, 4.0]
    assert len(mean.summary) == 3


def test_few_valued_columns_are_whole_numbers_of_which_there_are_few():
    rows = 9000
    late = np.zeros(rows)
    late[5000:] = np.arange(rows - 5000)  # the first rows tell nothing
    columns = {
        "few": np.arange(rows) % 7,
        "late": late,
        "broken": np.where(np.arange(rows) > 8000, 0.5, np.arange(rows) % 2),
        "same": np.ones(rows),
        "gaps": np.full(rows, np.nan),
    }
    found = of(np.column_stack(list(columns.values())), np.zeros(rows))
    assert few_valued(replace(found, categorical=frozenset())) == [0]


def test_a_gap_that_no_row_of_the_fit_had_is_filled_by_the_median():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, size=(N, 2))
    made, matrix = fit_features({"made": {"arithmetic": True, "columns": 3}}, of(X, X[:, 0] / X[:, 1]), X, "codes")
    assert made.count >= 1
    new = np.zeros((1, 2))
    column = made.extend(of(new, np.zeros(1)).given, new, "codes")[0, 2:]
    np.testing.assert_array_equal(column, np.median(matrix[:, 2:], axis=0))
