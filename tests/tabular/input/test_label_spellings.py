"""Labels that differ only in blanks, width or case: merged with a warning, or kept apart where that is doubtful."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from in_process import estimator, stay_in_process
from seasoned import Metric, load
from seasoned.cli.tables.declared_table import Declared
from seasoned.errors import InvalidInput
from seasoned.tabular.input.labels import code_of
from seasoned.tabular.input.target import encode, read_target

ANSWERS = ["Yes"] * 10 + ["yes"] * 3 + ["Yes "] * 2 + ["No"] * 12 + ["\uff4e\uff4f"] + [" NO"]


def classes_of(labels):
    return read_target(labels, "classification").classes.tolist()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (ANSWERS, ["No", "Yes"]),
        (["b", "a", "b "], ["a", "b"]),
        (["new  york", "new york", "new york", "paris"], ["new york", "paris"]),
        (["yes", "Yes", "no"], ["Yes", "no"]),  # as frequent: the first in order
        (pd.Categorical(["xx", "XX ", "y", "y"] * 2), ["XX ", "y"]),
        (["\u00e91", "e\u03011", "2"], ["e\u03011", "2"]),
        (["m"] * 9 + ["M"] + ["f"] * 5, ["f", "m"]),
        (["a", "A", "b", "B"] * 5, ["A", "B", "a", "b"]),  # handwritten letters
        (["hid", "hId", "had", "hAd"] * 5, ["hid", "hId", "had", "hAd"]),  # vowels
        (["hid", "had", "haD"] + ["hid", "had"] * 5, ["hid", "had"]),
        (["Yes", "no", "yes", "NO"] * 5, ["NO", "Yes"]),
        (["a", "A"] * 5, ["A", "a"]),
        (["Yes", "yes "] * 5, ["Yes", "yes "]),
        ([1, 2, 1], [1, 2]),
        ([True, False], [False, True]),
    ],
)
def test_one_class_has_one_spelling(labels, classes):
    assert classes_of(labels) == sorted(classes)


def test_the_warning_names_spellings_and_counts(caplog):
    classes_of(ANSWERS)
    (message,) = caplog.messages
    assert "'Yes ' (2), 'yes' (3) as 'Yes' (10)" in message
    assert "' NO' (1), '\uff4e\uff4f' (1) as 'No' (12)" in message


@pytest.mark.parametrize("labels", [["a", "A"] * 5, ["a", "A", "b"] * 5])
def test_what_is_kept_apart_is_warned_of(labels, caplog):
    classes_of(labels)
    (message,) = caplog.messages
    assert "'A' and 'a'" in message
    assert "kept apart" in message


def test_labels_that_are_spelled_the_same_are_not_spoken_of(caplog):
    classes_of(["Yes", "No", "maybe"])
    assert not caplog.messages


def test_true_labels_are_read_in_the_spelling_of_the_fit(caplog):
    classes = np.array(["No", "Yes"])
    assert encode(["YES ", "no", "Yes", "\uff4e\uff4f"], classes).tolist() == [1, 0, 1, 0]
    assert "'YES ' as 'Yes'" in caplog.text
    with pytest.raises(InvalidInput, match="'maybe', a class that was not there"):
        encode(["maybe"], classes)


def test_a_label_that_could_be_two_classes_is_none():
    classes = np.array(["AB", "Ab"])
    assert encode(["AB", "Ab ", "Ab"], classes).tolist() == [0, 1, 1]
    with pytest.raises(InvalidInput, match="'ab', a class that was not there"):
        encode(["ab"], classes)


@pytest.mark.parametrize(("label", "code"), [("yes", 1), ("\uff2e\uff2f", 0), ("maybe", None), (1, None)])
def test_options_name_a_class_in_any_spelling(label, code):
    assert code_of(label, np.array(["No", "Yes"])) == code


def test_held_out_rows_in_another_spelling_are_judged():
    train, test = pd.DataFrame({"y": ["Yes", "No"]}), pd.DataFrame({"y": ["yes ", "maybe", "No"]})
    judged, left = Declared("y").judged(train, test, classes=True)
    assert judged["y"].tolist() == ["yes ", "No"]
    assert left == 1


def test_a_fit_scores_saves_and_refits_in_any_spelling(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    stay_in_process(monkeypatch)
    rng = np.random.default_rng(0)
    a = rng.normal(size=90)
    clean = np.where(a + rng.normal(size=90) > 0, "Yes", "No")
    dirty = np.where(rng.random(90) < 0.1, np.char.add(np.char.lower(clean), " "), clean)
    options = {"metric": Metric("f1", positive="YES")}
    model = estimator("binary", **options).fit(pd.DataFrame({"a": a}), dirty)
    same = estimator("binary", **options).fit(pd.DataFrame({"a": a}), clean)
    assert model.classes_.tolist() == ["No", "Yes"]
    X = pd.DataFrame({"a": a})
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    model.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    assert again.score(X, np.char.upper(clean)) == same.score(X, clean)
    lower = np.char.lower(clean)
    np.testing.assert_array_equal(again.refit(X, lower).predict(X), model.refit(X, clean).predict(X))
