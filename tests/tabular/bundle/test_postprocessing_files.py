"""Postprocessing of bundles, in files from a stranger and in files from before there was any."""

from __future__ import annotations

import io

import numpy as np
import pytest

from in_process import estimator, stay_in_process
from seasoned import Metric, load
from seasoned.errors import InvalidInput
from seasoned.tabular.safe_files import zip_container


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEASONED_CACHE", str(folder / "cache"))
        stay_in_process(patch)
        y = (X[:, 0] + rng.normal(size=300) > 1).astype(int)
        classes = estimator("classification", metric=Metric("cost", costs=[[0, 1], [3, 0]])).fit(X, y)
        number = estimator("regression", metric="quantile@0.8").fit(X, X[:, 0] + rng.normal(size=300))
    classes.save(folder / "cost")
    number.save(folder / "number")
    return folder, X


def changed(path, change):
    manifest, members = zip_container.unpack(path, None)
    change(manifest, members)
    path = path.with_name("forged")
    path.write_bytes(zip_container.pack(manifest, members, None))
    return path


def with_nan(members):
    found = dict(np.load(io.BytesIO(members["conformal.npz"])))
    found["scores"][0] = np.nan
    buffer = io.BytesIO()
    np.savez(buffer, **found)
    members["conformal.npz"] = buffer.getvalue()


FORGED = {
    "a decision between three": ("cost", lambda m, _: m["postprocessor"]["decision"].update(costs=[[0, 1, 2]] * 3)),
    "a calibration that turns the order round": (
        "cost",
        lambda m, _: m["postprocessor"].update(calibration={"kind": "scaling", "slope": -1.0, "biases": [0, 0]}),
    ),
    "a calibration of numbers": (
        "number",
        lambda m, _: m["postprocessor"].update(calibration={"kind": "scaling", "slope": 1.0, "biases": []}),
    ),
    "a cost without costs": ("cost", lambda m, _: m["metric"].update(costs=None)),
    "other costs than it decides by": ("cost", lambda m, _: m["metric"].update(costs=[[0, 1], [4, 0]])),
    "costs that do not decide": ("cost", lambda m, _: m["postprocessor"].update(decision=None)),
    "costs that were not given": ("cost", lambda m, _: m["postprocessor"]["decision"].update(given=False)),
    "costs without a metric of costs": (
        "cost",
        lambda m, _: m["metric"].update(name="accuracy", scorer="accuracy", costs=None),
    ),
    "costs of three classes": ("cost", lambda m, _: m["metric"].update(costs=[[0, 1, 1]] * 3)),
    "costs of another metric": ("number", lambda m, _: m["metric"].update(costs=[[0, 1], [1, 0]])),
    "a quantile of classes": ("cost", lambda m, _: m["metric"].update(scorer="quantile", costs=None, quantile=0.5)),
    "no quantile": ("number", lambda m, _: m["metric"].update(quantile=2.0)),
    "a pace in words": ("number", lambda m, _: m.update(pace={"limit": "quick", "measured": 1.0})),
    "scores that are no numbers": ("number", lambda _, members: with_nan(members)),
    "no finish at all": ("cost", lambda m, _: m.update(postprocessor=[])),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_does_not_belong_together_is_refused(bundles, what):
    folder, _ = bundles
    name, change = FORGED[what]
    with pytest.raises(InvalidInput):
        load(changed(folder / name, change))


def test_a_bundle_from_before_predicts_as_it_did(bundles):
    folder, X = bundles

    def older(manifest, members):
        for name in ("postprocessor", "pace"):
            del manifest[name]
        for name in ("costs", "quantile"):
            del manifest["metric"][name]
        manifest["metric"].update(name="accuracy", scorer="accuracy", greater_is_better=True)
        manifest["about"]["parameters"]["metric"] = "accuracy"
        del members["conformal.npz"]

    again = load(changed(folder / "cost", older))
    np.testing.assert_array_equal(again.predict(X), again.classes_[again.predict_proba(X).argmax(axis=1)])
    assert again.fitted_.sentences == []
    with pytest.raises(InvalidInput, match="fit again"):
        again.predict_set(X)


def test_a_quantile_is_a_number_whatever_the_file_says(bundles):
    folder, X = bundles
    again = load(changed(folder / "number", lambda m, _: m["metric"].update(quantile="0.8")))
    assert again.fitted_.metric.quantile == 0.8
    assert again.score(X, X[:, 0]) == load(folder / "number").score(X, X[:, 0])
