"""Report page: well-formed, self-contained, complete, and safe against hostile data."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from seasoned.errors import InvalidInput, StorageError
from seasoned.report import write_report
from seasoned.report._common.data import ColumnRow, Predictions, ReportData, TrialRow
from seasoned.report.html.page import render_page

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Elements, attributes, scripts and visible text of a page, as a browser reads them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.scripts, self.words = [], Counter(), [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.tags[name] += 1
        self.attributes += attributes
        if name not in VOID:
            self.open.append(name)
        if name == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, text):
        if self.open and self.open[-1] == "script":
            attributes, before = self.scripts.pop()
            self.scripts.append((attributes, before + text))
        else:
            self.words.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def values(self, name):
        return [value for key, value in self.attributes if key == name]


def test_report_page_is_well_formed_and_fetches_nothing(data):
    text = render_page(data)
    page = Page(text)
    assert page.open == []
    assert not page.values("src")
    assert all(link.startswith("#") for link in page.values("href"))
    assert "@import" not in text
    assert page.tags["h1"] == page.tags["main"] == page.tags["nav"] == 1


def test_ids_are_unique_and_every_reference_has_its_target(data):
    page = Page(render_page(data))
    ids = Counter(page.values("id"))
    assert max(ids.values()) == 1
    references = (
        [link[1:] for link in page.values("href")] + page.values("data-figure") + page.values("aria-labelledby")
    )
    assert set(references) <= set(ids)


def test_data_on_the_page_is_text_and_nothing_else(data, hostile):
    harmless, attacked = Page(render_page(data)), Page(render_page(hostile))
    assert attacked.tags["script"] == harmless.tags["script"]
    assert "img" not in attacked.tags
    assert not [name for name, _ in attacked.attributes if name.startswith("on")]
    assert "alert(1)" in attacked.text
    for attributes, script in attacked.scripts:
        if attributes.get("type") == "application/json":
            assert "<" not in script
            json.loads(script)


def test_content_policy_allows_own_scripts_alone(hostile):
    page = Page(render_page(hostile))
    policy = next(value for value in page.values("content") if "script-src" in value)
    allowed = set(re.findall(r"sha256-([^']+)", policy))
    running = [script for attributes, script in page.scripts if "type" not in attributes]
    assert {base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in running} == allowed
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]


def test_page_contains_every_part_of_the_report(data):
    text = Page(render_page(data)).text
    for part in (
        "An ensemble of 2 models",
        "MemoryError: 8 GB were not enough",
        "behind the others after the first fold",
        "The time was up.",
        "boost.dart.drop = 0.1",
        "75%",
        "1,200",
        "58 s",
        "Left out: one value.",
        "Permutation importance",
        "Which classes are confused?",
        "predicted by models that had not seen it",
        "random_state was no number.",
    ):
        assert part in text, part


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_page_of_minimal_data_has_no_figures(task):
    classes = () if task == "regression" else ("a", "b", "c")[: 2 if task == "binary" else 3]
    bare = ReportData(task, "metric", greater_is_better=False, trials=(), columns=(), members=(), classes=classes)
    page = Page(render_page(bare))
    assert "no configuration" in page.text.lower()
    assert not page.values("data-figure")
    assert page.scripts == []  # without a figure, no plotly


def test_page_names_members_that_were_not_refitted_on_all_rows(data):
    """Members without time for a refit: the models of their trial's folds predict."""
    both = Page(render_page(data)).text
    assert "what the trial had fitted" not in both
    of_folds = tuple(replace(member, whole=member.model != "linear") for member in data.members)
    assert "for trial 0 what the trial had fitted predicts." in Page(render_page(replace(data, members=of_folds))).text
    alone = Page(render_page(replace(data, members=of_folds[1:]))).text
    assert "It could not be fitted again on all rows in time" in alone
    assert "fitted again on all rows, with" not in alone
    unnumbered = (data.members[0], replace(of_folds[1], number=None))
    assert "for Linear model what the trial had fitted" in Page(render_page(replace(data, members=unnumbered))).text
    simple = replace(data.members[0], model="baseline", number=None)
    assert "there was no other" in Page(render_page(replace(data, members=(simple,)))).text


@pytest.mark.parametrize("classes", [3, 30])
def test_page_of_many_classes_counts_predicted_rows_and_others(data, classes):
    rng = np.random.default_rng(0)
    predicted = rng.dirichlet(np.ones(classes), 500)
    predicted[:7] = np.nan  # a split by time leaves rows unpredicted
    many = replace(
        data,
        task="multiclass",
        classes=tuple(f"class {i}" for i in range(classes)),
        predictions=Predictions(rng.integers(0, classes, 500), predicted, unseen=True),
    )
    text = Page(render_page(many)).text
    assert "From 493 rows" in text
    assert ("11 others" in text) == (classes == 30)


def test_page_of_rows_of_one_class_has_no_roc_curve(data):
    one = Predictions(np.ones(5, dtype=np.int64), np.full((5, 2), 0.5), unseen=False)
    text = Page(render_page(replace(data, predictions=one))).text
    assert "ROC" not in text
    assert "looks better than it is" in text


def test_long_tables_are_folded_and_huge_tables_are_cut(data):
    trials = tuple(TrialRow(i, "linear", "complete", 0.5 + i / 1e6, 0.1) for i in range(2_000))
    columns = tuple(ColumnRow(f"c{i}", "number", "x") for i in range(3_000))
    text = render_page(replace(data, trials=trials, columns=columns))
    assert "490 more" in text
    assert "The first 500 are shown." in text
    assert len(text) < 6.5e6


def test_report_file_is_written_whole_or_not_at_all(data, tmp_path, monkeypatch):
    path = write_report(data, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8") == render_page(data)
    assert 4e6 < path.stat().st_size < 6e6
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(StorageError, match="no space"):
        write_report(replace(data, target="other"), tmp_path / "report.html")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert "other" not in path.read_text(encoding="utf-8")[:3_000]


def test_unwritable_report_path_is_named(data, tmp_path):
    for path in (tmp_path, tmp_path / "missing" / "report.html"):
        with pytest.raises(InvalidInput, match=re.escape(str(path))):
            write_report(data, path)


def test_section_heading_names_its_content(data):
    kinds = {"failed": "What failed", "pruned": "What was stopped"}
    assert ">What failed or was stopped<" in str(render_page(data))
    for left, heading in kinds.items():
        some = tuple(trial for trial in data.trials if trial.state in {"complete", left})
        assert f">{heading}<" in str(render_page(replace(data, trials=some)))


def test_page_with_single_rows_says_so(data):
    sentence = "It holds true and predicted values of single rows"
    assert sentence not in str(render_page(data))
    values = np.arange(30.0)
    page = replace(data, task="regression", classes=(), predictions=Predictions(values, values + 1, unseen=True))
    assert sentence in str(render_page(page))
    assert sentence not in str(render_page(replace(page, predictions=None)))


def test_a_decision_maker_s_sections_come_before_those_of_the_search(data):
    page = render_page(data)
    places = [
        page.index(f'id="{anchor}"') for anchor in ("quality", "importance", "columns", "search", "tried", "failed")
    ]
    assert places == sorted(places)
