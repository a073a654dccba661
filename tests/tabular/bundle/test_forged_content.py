"""Forged and damaged content whose hashes are right: refused by `load` in one sentence, with its cause.

Each row is a change that a fuzzer (`benchmarks/bundle_fuzz.py`) or a reader of the code found to get through `load` and
to fail later, or to leave `load` as another error.
"""

from __future__ import annotations

import io
import json
import tokenize

import numpy as np
import pandas as pd
import pytest

from forging import forged, in_json
from in_process import estimator, stay_in_process
from seasoned import load
from seasoned.errors import InvalidInput, MissingExtra
from seasoned.tabular.bundle import archive

PLAN, ROWS = "plan.json", 60


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle")
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"n": rng.normal(size=ROWS), "word": rng.choice(["yes", "no"], ROWS)})
    X["level"], X["day"] = (
        rng.choice(list("abc"), ROWS),
        rng.permutation(pd.date_range("2020", periods=ROWS)).astype(str),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(folder / "cache"))
        stay_in_process(patch)
        model = estimator("classification", ["linear"]).fit(X, np.where(X["n"] > 0, "p", "q"))
    model.save(folder / "m.seasoned")
    return folder / "m.seasoned"


def column(name, /, **changes):
    """A change of a column of the schema."""

    def change(plan):
        next(one for one in plan["schema"] if one["name"] == name).update(changes)

    return in_json(PLAN, change)


def encoder(name, /, **changes):
    """A change of a column's encoder."""

    def change(plan):
        next(one for one in plan["encoders"] if one["name"] == name).update(changes)

    return in_json(PLAN, change)


def trial(**changes):
    """A change of the first trial."""
    return lambda manifest, _: manifest["trials"][0].update(changes)


def without(name):
    return lambda manifest, _: manifest["trials"][0].pop(name)


def said(**changes):
    """A change of what is said about the fit."""
    return lambda manifest, _: manifest["fit"].update(changes)


def twice(manifest, _):
    manifest["trials"].append(manifest["trials"][0])


def parameter(name, value):
    def change(manifest, _):
        manifest["about"]["parameters"][name] = value

    return change


def arrays(member, /, **changes):
    """A change of the arrays of a member."""

    def change(_, members):
        with np.load(io.BytesIO(members[member])) as known:
            found = {name: known[name] for name in known.files}
        found.update({name: way(found[name]) for name, way in changes.items()})
        buffer = io.BytesIO()
        np.savez(buffer, **found)
        members[member] = buffer.getvalue()

    return change


CORPUS = {
    "levels that are no words": encoder("level", words=["a", {"b": 1}, "c"]),
    "levels that are numbers": encoder("level", words=["a", 1, "c"]),
    "a level twice": encoder("level", words=["a", "a", "c"]),
    "an encoder of another kind": encoder("level", kind="number"),
    "an encoder of text for numbers": encoder("n", kind="text", counts={}),
    "a kind of column that is unknown": column("level", kind="colour"),
    "a kind that is a number": column("level", kind=3),
    "a kind that is a list": column("level", kind=["category"]),
    "a style that is a number": column("day", format=7),
    "a style of dates that cannot be": column("day", format="%Q%!"),
    "a style that is a list": column("word", format=["yes", "no"]),
    "a zone that is nowhere": column("day", zone="Mars/Olympus"),
    "a zone that is a number": column("day", zone=5),
    "a reason that is a number": column("n", reason=1.5),
    "a column without a name": column("n", name=None),
    "two columns of one name": column("n", name="level"),
    "a trial without a state": without("state"),
    "a trial without a loss": trial(loss=None),
    "a trial without a configuration": without("config"),
    "a loss that is text": trial(loss="low"),
    "a loss that is true": trial(loss=True),
    "a loss that is a list": trial(loss=[0.1]),
    "seconds that are text": trial(seconds="long"),
    "a number that is text": trial(number="first"),
    "a state that is unknown": trial(state="lost"),
    "a state that is a list": trial(state=[]),
    "a configuration that is a number": trial(config=3),
    "a model that is a number": trial(model=3),
    "losses of folds that are text": trial(losses=["a", "b"]),
    "a pace that is text": trial(predict_ms="quick"),
    "an error that is a dict": trial(error={}),
    "a trial twice": twice,
    "rows that are text": said(rows="many"),
    "seconds of the fit that are a list": said(seconds=[]),
    "experience that is a number": said(experience=3),
    "a metric's class that is true of a list": lambda manifest, _: manifest["metric"].update(positive=[1]),
    "parameters that are a list": lambda manifest, _: manifest["about"].update(parameters=[]),
    "a search that is text": parameter("search", "x"),
    "a space that is none": parameter("search", {"spaces": {"linear": {"x": 1}}}),
    "an unknown parameter": parameter("colour", 1),
    "no losses of validation": arrays("validated.npz", loss=lambda found: found[None]),
    "truth of another shape": arrays("validated.npz", truth=lambda found: found[:-1]),
    "scores of intervals that fall": arrays("conformal.npz", scores=lambda found: found[::-1]),
    "masses of another shape": arrays("conformal.npz", mass=lambda found: found[:-1]),
}


@pytest.mark.parametrize("change", CORPUS.values(), ids=CORPUS)
def test_load_refuses_it_in_a_sentence(bundle, tmp_path, change):
    path = forged(bundle, tmp_path / "forged.seasoned", change)
    with pytest.raises(InvalidInput) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)


def test_what_is_not_changed_is_loaded(bundle, tmp_path):
    again = load(forged(bundle, tmp_path / "same.seasoned", lambda *_: None))
    assert len(again.leaderboard()) == 1
    assert set(again.predict(pd.DataFrame({"n": [0.5], "word": "no", "level": "a", "day": "2020-01-09"}))) <= {"p", "q"}


@pytest.mark.parametrize("error", [AssertionError, pd.errors.InvalidIndexError, tokenize.TokenError])
def test_whatever_a_library_raises_is_refused_with_its_cause(bundle, monkeypatch, error):
    def raises(*_):
        raise error("odd")

    monkeypatch.setattr(archive.ColumnPlan, "from_json", raises)
    with pytest.raises(InvalidInput, match=r"'m\.seasoned' cannot be read: odd") as refusal:
        load(bundle)
    assert isinstance(refusal.value.__cause__, error)


def test_a_missing_package_is_still_that(bundle, monkeypatch):
    def raises(*_):
        raise MissingExtra("a model needs 'xgboost', which is not installed.")

    monkeypatch.setattr(archive, "read_member", raises)
    with pytest.raises(MissingExtra):
        load(bundle)


def test_plain_damage_of_json_is_refused(bundle, tmp_path):
    for content in (b"", b"[]", b"null", b"{", json.dumps({"schema": 1}).encode(), b"[" * 100_000):
        with pytest.raises(InvalidInput):
            load(forged(bundle, tmp_path / "f.seasoned", lambda _, members, c=content: members.update({PLAN: c})))
