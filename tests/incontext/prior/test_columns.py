from __future__ import annotations

import numpy as np

from seasoned.incontext.prior.columns import convert, draw_cardinalities, draw_categories, draw_width, with_irrelevant


def test_share_of_categories_is_that_of_the_clipped_uniform():
    """The mean of clip(U(-.5, 1.2), 0, 1) is .41; 400 tables have a standard error of .02."""
    sizes = [draw_cardinalities(np.random.default_rng(seed), 10) for seed in range(400)]
    shares = np.array([(size > 0).mean() for size in sizes])
    assert 0.33 < shares.mean() < 0.49
    assert (shares == 0).mean() > 0.2
    assert (shares == 1).mean() > 0.05
    every = np.concatenate(sizes)
    assert every[every > 0].min() == 2
    assert 60 < every.max() <= 100


def test_categories_depend_on_the_values():
    values = np.random.default_rng(0).standard_normal((500, 2), dtype=np.float32)
    explained = []
    for seed in range(40):
        codes = draw_categories(np.random.default_rng(seed), values, 5)
        assert codes.min() >= 0
        assert codes.max() < 5
        within = sum(values[codes == code].var(axis=0) * (codes == code).mean() for code in set(codes.tolist()))
        explained.append(1 - within.min())
    assert np.median(explained) > 0.2


def test_children_see_the_number_or_a_vector_of_the_category():
    values = np.random.default_rng(0).standard_normal((300, 3), dtype=np.float32)
    kinds = set()
    for seed in range(20):
        seen, codes = convert(np.random.default_rng(seed), values.copy(), 6)
        assert seen.shape == values.shape
        kinds.add(np.array_equal(seen, values))
        if not np.array_equal(seen, values):
            assert len(np.unique(seen, axis=0)) == len(np.unique(codes))
    assert kinds == {True, False}


def test_numbers_keep_their_order_but_for_ties():
    x = np.random.default_rng(0).standard_normal((200, 1), dtype=np.float32)
    order = np.argsort(x[:, 0])
    deformed = 0
    for seed in range(60):
        seen, column = convert(np.random.default_rng(seed), x, 0)
        assert np.array_equal(seen, x)
        assert np.isfinite(column).all()
        assert (np.diff(column[order]) >= 0).all()
        deformed += not np.isclose(np.corrcoef(column, x[:, 0])[0, 1], 1)
    assert 10 < deformed < 50


def test_a_column_of_numbers_takes_one_value_and_categories_some():
    widths = [draw_width(np.random.default_rng(seed), 50) for seed in range(100)]
    assert draw_width(np.random.default_rng(0), 0) == 1
    assert (min(widths), max(widths)) == (1, 8)


def test_irrelevant_columns_are_shuffled_columns():
    X = np.random.default_rng(0).standard_normal((50, 8), dtype=np.float32)
    tables = [with_irrelevant(np.random.default_rng(seed), X.copy()) for seed in range(100)]
    assert all(np.array_equal(np.sort(table, axis=0), np.sort(X, axis=0)) for table in tables)
    assert 0.1 < np.mean([not np.array_equal(table, X) for table in tables]) < 0.45
