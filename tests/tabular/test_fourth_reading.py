"""Bugs that a fourth reading found: each test here failed before it was mended."""

from __future__ import annotations

import io
import zipfile
from array import array
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from in_process import estimator
from messy import messy
from seasoned.errors import InvalidInput
from seasoned.report._common.wording import settings
from seasoned.tabular.features.base import Rows
from seasoned.tabular.input.frames import read_table, to_frame, to_series
from seasoned.tabular.input.target import encode, infer_task, read_target
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import find
from seasoned.tabular.safe_files import npz, zip_container
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.schema.time_zones import with_zone

# ---- tables


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.csv.zst"])
def test_rows_that_end_in_a_separator_do_not_shift_the_columns(name, tmp_path):
    compression = "detect" if name.endswith(("gz", "zst")) else None
    with pa.output_stream(str(tmp_path / name), compression=compression) as file:
        file.write(b"x,y,churn,z\n0,0.0,0,7,\n1,2.5,1,8,\n")
    frame = read_table(tmp_path / name)
    assert frame.to_dict("list") == {"x": [0, 1], "y": [0.0, 2.5], "churn": [0, 1], "z": [7, 8]}


def test_a_last_column_may_be_empty(tmp_path, caplog):
    (tmp_path / "t.csv").write_text("x,y\n1,\n2,\n")
    assert read_table(tmp_path / "t.csv")["x"].tolist() == [1, 2]
    assert not caplog.text


def test_names_of_rows_are_still_an_index(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\nfirst,1,\nsecond,2,3\n")
    assert read_table(tmp_path / "t.csv").index.tolist() == ["first", "second"]


def test_a_dict_of_series_is_paired_by_place():
    frame = to_frame({"a": pd.Series([10, 20, 30], index=[2, 0, 1]), "b": pd.Series([7, 8, 9]), "c": [1, 2, 3]})
    assert frame.to_dict("list") == {"a": [10, 20, 30], "b": [7, 8, 9], "c": [1, 2, 3]}


def test_a_column_of_a_structured_array():
    rows = np.zeros((5, 1), dtype=[("a", float), ("b", int)])
    assert to_frame(rows).shape == (5, 2)
    with pytest.raises(InvalidInput, match="durations without a unit"):
        to_frame(np.zeros((5, 2), dtype="m8"))


@pytest.mark.parametrize("values", [range(3), array("i", [0, 1, 2])])
def test_any_sequence_is_a_target(values):
    assert to_series(values).tolist() == [0, 1, 2]


def test_a_left_out_column_may_have_any_name(here):
    X, y = messy("regression", rows=90)
    model = estimator("regression", ["linear"]).fit(X.assign(same=1.0).rename(columns={"same": "self"}), y)
    model.save(here / "m.seasoned")


# ---- cells


def test_a_float_is_the_same_level_among_words_and_alone():
    values = pd.Series([1 / 3, 2 / 3, np.float32(1.0), "low", "mid"] * 12, dtype=object)
    schema = Schema.infer(pd.DataFrame({"a": values, "b": np.arange(60.0)}))
    mixed = schema.apply(pd.DataFrame({"a": values, "b": np.arange(60.0)}))["a"]
    alone = schema.apply(pd.DataFrame({"a": [1 / 3, 2 / 3, 1.0], "b": [0.0, 1.0, 2.0]}))["a"]
    assert alone.tolist() == mixed.iloc[:3].tolist()


@pytest.mark.parametrize("dtype", ["object", "str", "category", "string[pyarrow]"])
def test_offsets_are_seen_in_text_of_any_kind(dtype):
    cells = pd.Series(["2026-01-01T10:00:00+09:00", "2026-01-01T10:00:00"], dtype=dtype)
    assert with_zone(cells).tolist() == [True, False]
    assert with_zone(cells.convert_dtypes(dtype_backend="pyarrow")).tolist() == [True, False]


# ---- targets


def test_decimal_numbers_are_numbers():
    prices = [Decimal("1.5") * place for place in range(300)]
    assert infer_task(prices) == "regression"
    assert read_target(prices, "regression").values[2] == 3.0
    flags = [Decimal(place % 2) for place in range(300)]
    assert infer_task(flags) == "classification"
    assert read_target(flags, "classification").classes.tolist() == [0, 1]
    assert infer_task([True, Decimal(1)] * 20) == "classification"


def test_gaps_make_no_floats_of_whole_labels():
    target = read_target([0, 1, None, 1], "classification")
    assert target.classes.dtype == np.int64
    assert encode([1.0, 0], target.classes).tolist() == [1, 0]
    assert read_target(np.array([0.0, 1.0]), "classification").classes.dtype == np.float64
    assert read_target([0.0, 1e17, None], "classification").classes.tolist() == [0.0, 1e17]


# ---- folds within folds


def test_groups_are_whole_however_few_they_are():
    together = np.repeat([0, 1, 2, 3], 25)
    rows = Rows(SimpleNamespace(codes=np.zeros((100, 1))), frozenset(), np.zeros((100, 1)), None, 0, together=together)
    dealt = rows.dealt(5)
    assert all(len(np.unique(dealt[together == group])) == 1 for group in range(4))
    assert len(np.unique(dealt)) == 4


# ---- what is told


def test_models_below_are_counted_in_a_loaded_model_too():
    below = {"model": {"linear": {"penalty": 1.0}}}
    assert settings({"depth": 3, "stacked_on": (below, below)}) == settings({"depth": 3, "stacked_on": [below, below]})


def test_one_number_and_equal_ones_are_enough_where_a_model_adapts(caplog):
    assert read_target([5.0], "regression", few=True).values.tolist() == [5.0]
    assert read_target([5.0, 5.0], "regression", few=True).values.tolist() == [5.0, 5.0]
    assert not caplog.text
    with pytest.raises(InvalidInput, match="1 row"):
        read_target([5.0], "regression")


# ---- files


@pytest.mark.parametrize("share", [0.0005, 0.2])
def test_rows_of_almost_nothing_but_zeros_are_written_by_their_other_cells(share):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((500, 300)) < share, rng.normal(size=(500, 300)), 0.0)
    job, family = Job("regression", 0, seed=0), find("neighbours")
    model = family.build(family.space("regression").default, job)
    family.fit(model, (X, X.sum(axis=1)), None)
    data = family.dump(model)
    again = family.load(data)
    np.testing.assert_array_equal(again.X, model.X)
    np.testing.assert_array_equal(again.predict(X[:50]), model.predict(X[:50]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert sum(member.file_size for member in archive.infolist()) < 200 * len(data)


@pytest.mark.parametrize("name", ["shape", "ends", "places", "cells"])
def test_forged_cells_are_refused(name):
    family = find("neighbours")
    model = family.build(family.space("regression").default, Job("regression", 0, seed=0))
    family.fit(model, (np.eye(60), np.arange(60.0)), None)
    arrays = dict(np.load(io.BytesIO(family.dump(model))))
    whole = (lambda a: -a - 1, lambda a: a * 2**40)
    for change in (lambda a: a[:-1], *(whole if name != "cells" else ())):
        with pytest.raises(InvalidInput):
            family.load(npz.dump({**arrays, name: change(arrays[name])}))


def test_what_would_not_be_read_again_is_not_written():
    even = npz.dump({"a": np.zeros(2**23)})
    with pytest.raises(InvalidInput, match="times the size of their file, and load accepts at most"):
        zip_container.pack({}, {"model-0": even}, None)
