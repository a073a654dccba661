"""Code of a report: a repetition of the fit, without passwords, and with labels and seeds of any type."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GroupKFold
from sklearn.naive_bayes import GaussianNB

from in_process import alone, estimator
from seasoned import AutoClassifier, CustomModel, Float, Metric, SearchSettings, Space
from seasoned.errors import InvalidInput
from seasoned.report import report_data
from seasoned.report.model.code import code_of
from seasoned.storage.url import mask_password
from seasoned.tabular.bundle.parameters import describe_estimator, refuse_incomplete


def test_report_code_repeats_the_fit(fitted):
    model, X, y = fitted["regression"]
    data = report_data(model)
    assert "random_state=0" in data.code
    names = {"X": X, "y": y}
    exec(data.code.removesuffix("model.fit(X, y)"), names)
    assert names["model"].get_params() == model.get_params()
    assert "metric" not in data.code  # it has its default
    assert data.notes == ()


def test_report_code_imports_the_names_that_it_uses():
    bayes = CustomModel("bayes", GaussianNB(), Space(var_smoothing=Float(1e-9, 1e-2, log=True, default=1e-9)))
    search = SearchSettings(models=["linear", bayes])
    given = AutoClassifier(validation=GroupKFold(5), search=search, trials=3)
    code = code_of(given, SimpleNamespace(weighted=False, grouped=False))
    names = {}
    exec(code[: code.index("\nmodel.fit")], names)
    assert names["model"].validation.n_splits == 5
    assert names["model"].search.models[1].name == "bayes"


def test_passwords_are_masked_in_report_code_and_saved_parameters(rare):
    model, _, _ = rare
    address = "postgresql+psycopg://me:s3cret@host/team"
    model.set_params(experience=address)
    try:
        assert "s3cret" not in report_data(model).code
        assert "me:***@host/team" in report_data(model).code
        assert "s3cret" not in str(describe_estimator(model))
        assert "experience" in describe_estimator(model)["unsaved"]
        asked = "postgresql://host/team?user=me&password=s3cret&sslmode=require"
        assert mask_password(asked) == asked.replace("s3cret", "***")
        model.set_params(experience=asked)
        assert "s3cret" not in report_data(model).code + str(describe_estimator(model))
        model.set_params(experience="shipped")
        assert describe_estimator(model)["parameters"]["experience"] == "shipped"
        loaded = AutoClassifier()
        loaded.unsaved_ = ("experience",)
        with pytest.raises(InvalidInput, match="could not hold experience"):
            refuse_incomplete(loaded)
        refuse_incomplete(loaded.set_params(experience=None))
    finally:
        model.set_params(experience=None)


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        (Metric("cost", costs=np.array([[0, 1], [5, 0]])), True),
        (make_scorer(fbeta_score, beta=2), False),
    ],
)
def test_report_code_with_a_custom_metric_runs(metric, shown):
    code = code_of(AutoClassifier(metric), SimpleNamespace(weighted=False, grouped=False))
    assert ("array(" in code) is shown
    assert ("metric=..." in code) is not shown
    space = {}
    exec(code.rpartition("\n")[0], space)
    assert isinstance(space["model"], AutoClassifier)


def test_report_escapes_a_label_outside_utf_8_and_reads_a_numpy_seed(tmp_path, monkeypatch):
    alone(tmp_path, monkeypatch)
    rows = pd.DataFrame({"x": range(40)})
    model = estimator("classification", ["linear"], random_state=np.int64(3))
    model.fit(rows, np.where(rows["x"] > 19, "caf\udce9", "no"))
    page = model.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "caf\\udce9" in page
    assert "random_state was no number" not in page
    assert "np.int64" not in page
