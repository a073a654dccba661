"""Saved models: predictions after loading, the content of a file, and damaged files."""

from __future__ import annotations

import copy
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from in_process import estimator
from messy import messy
from seasoned import CustomModel, Int, SearchSettings, Space, load
from seasoned.errors import InvalidInput
from seasoned.report import report_data
from seasoned.tabular.bundle.archive import FORMAT
from seasoned.tabular.safe_files import skops_file


@pytest.fixture(scope="module")
def bundle(fitted, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "model.seasoned"
    fitted["binary"][0].save(path)
    return path


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_predictions_after_load_are_the_same_bits(fitted, task, tmp_path):
    model, X, y = fitted[task]
    model.save(tmp_path / "m.seasoned")
    loaded = load(tmp_path / "m.seasoned")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    if task != "regression":
        np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
        np.testing.assert_array_equal(loaded.classes_, model.classes_)
        assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.score(X, y) == model.score(X, y)
    assert loaded.leaderboard().equals(model.leaderboard())
    assert loaded.feature_names_in_.tolist() == model.feature_names_in_.tolist()
    assert loaded.random_state == 0


def test_a_file_knows_which_models_are_those_of_folds(fitted, tmp_path):
    model, X, _ = fitted["regression"]
    late = copy.copy(model)
    members = [replace(member, whole=place > 0) for place, member in enumerate(model.fitted_.members)]
    late.fitted_ = replace(model.fitted_, members=tuple(members))
    late.save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    assert [member.whole for member in again.fitted_.members] == [member.whole for member in members]
    assert [row.whole for row in report_data(again).members] == [member.whole for member in members]
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_loaded_model_can_tell_how_to_repeat_it(fitted, tmp_path):
    model, *_ = fitted["binary"]
    again = copy.copy(model)
    again.set_params(search=SearchSettings(models=["linear", "tree"], folds=3), validation=[(range(9), range(9, 18))])
    again.save(tmp_path / "m.seasoned")
    loaded = load(tmp_path / "m.seasoned")
    assert loaded.search == again.search
    assert loaded.validation is None
    assert loaded.unsaved_ == ("validation",)
    data = report_data(loaded)
    assert "SearchSettings(models=['linear', 'tree'], folds=3" in data.code
    assert "validation was set to a value that a model's file cannot hold, so it is missing above." in data.notes
    loaded.save(tmp_path / "n.seasoned")
    assert load(tmp_path / "n.seasoned").unsaved_ == ("validation",)
    own = CustomModel("mine", KNeighborsClassifier(), Space(n_neighbors=Int(1, 5)))
    assert SearchSettings(models=["linear", own]).to_plain() is None
    assert SearchSettings(features="all").to_plain()["features"] == "all"


def test_a_bundle_is_small_and_holds_no_pickle(bundle):
    assert bundle.stat().st_size < 500_000
    with zipfile.ZipFile(bundle) as archive:
        assert not [name for name in archive.namelist() if "pickle" in name or name.endswith(".pkl")]
        assert json.loads(archive.read("manifest.json"))["format"] == FORMAT


def test_an_existing_file_is_replaced_whole(fitted, tmp_path):
    path = tmp_path / "m.seasoned"
    path.write_text("old")
    fitted["binary"][0].save(path)
    assert load(path).classes_.tolist() == ["no", "yes"]
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["m.seasoned"]


def test_truncations_are_refused(bundle, tmp_path):
    data = bundle.read_bytes()
    for length in [0, 1, 100, *np.linspace(200, len(data) - 1, 15).astype(int)]:
        path = tmp_path / "cut"
        path.write_bytes(data[:length])
        with pytest.raises(InvalidInput, match="damaged"):
            load(path)


def rewritten(bundle, path, **changes):
    """The bundle with members replaced and no hash mended."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name.split(".")[0], old.read(name)))


def test_foreign_tampered_and_newer_files_are_refused(bundle, tmp_path):
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("manifest.json", '{"what": "something else"}')
    with pytest.raises(InvalidInput, match="something else"):
        load(other)
    rewritten(bundle, other, plan=b"{}")
    with pytest.raises(InvalidInput, match=r"'plan.json' of 'other.zip' was changed"):
        load(other)
    with zipfile.ZipFile(bundle) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    rewritten(bundle, other, manifest=json.dumps({**manifest, "format": FORMAT + 1}))
    with pytest.raises(InvalidInput, match="upgrade"):
        load(other)
    rewritten(bundle, other, manifest=json.dumps({**manifest, "format": FORMAT - 1}))
    with pytest.raises(InvalidInput, match=r"has format 11; this version reads format 12: fit again"):
        load(other)
    with pytest.raises(InvalidInput, match="there is no file"):
        load(tmp_path / "none")


def test_types_outside_the_list_are_refused():
    from sklearn.preprocessing import FunctionTransformer

    data = skops_file.dump(FunctionTransformer(np.save))
    with pytest.raises(InvalidInput, match="types that no model"):
        skops_file.load(data)


@pytest.mark.parametrize("kind", ["RandomForestClassifier", "HistGradientBoostingClassifier"])
def test_a_forged_tree_is_refused(kind):
    from sklearn import ensemble

    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    if kind == "RandomForestClassifier":
        model = ensemble.RandomForestClassifier(2, random_state=0).fit(X, y)
        state = model.estimators_[0].tree_.__getstate__()
        state["nodes"]["left_child"][0] = 10**6
        model.estimators_[0].tree_.__setstate__(state)
    else:
        model = ensemble.HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=2).fit(X, y)
        model._predictors[0][0].nodes["left"][0] = 10**6
    with pytest.raises(InvalidInput, match="points outside"):
        skops_file.load(skops_file.dump(model))


def test_a_model_with_a_dropped_column_named_self_is_saved(here):
    X, y = messy("regression", rows=90)
    model = estimator("regression", ["linear"]).fit(X.assign(same=1.0).rename(columns={"same": "self"}), y)
    model.save(here / "m.seasoned")


def test_numpy_numbers_are_saved_as_plain_parameters(here):
    X, y = messy("binary")
    model = estimator("classification", ["linear"]).fit(X, y)
    model.set_params(trials=np.int64(1), time_limit=np.float32(60), random_state=np.int64(1))
    model.save(here / "m.seasoned")
    again = load(here / "m.seasoned")
    assert (again.unsaved_, again.trials, again.time_limit, again.random_state) == ((), 1, 60.0, 1)
