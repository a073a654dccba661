from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from few_shot_data import NOISE, brief, quick, stores
from seasoned import FewShotClassifier, FewShotRegressor, load
from seasoned.errors import InvalidInput
from seasoned.metagrad import MAML, MLP, PrototypicalNetworks, Training
from seasoned.tabular.few_shot import fit

KNOWN = 24  # stores to learn from; the others are new


@pytest.fixture(scope="module")
def table():
    frame, y, store = stores()
    return frame, y, store, store < KNOWN


@pytest.fixture(scope="module")
def regressor(table):
    frame, y, _, known = table
    return FewShotRegressor(quick(), random_state=0).fit(frame[known], y[known], task="store")


@pytest.fixture(scope="module")
def classifier(table):
    frame, y, _, known = table
    labels = np.where(y > 0, "good", "bad")
    return FewShotClassifier(quick(3), random_state=0).fit(frame[known], labels[known], task="store")


def errors(table, model, shots, **options):
    """Root mean squared errors on the new stores, adapted and not."""
    frame, y, store, _ = table
    adapted, common = [], []
    for number in range(KNOWN, store.max() + 1):
        rows = np.flatnonzero(store == number)
        support, query = rows[:shots], rows[10:]
        one = model.adapt(frame.iloc[support], y.iloc[support], **options)
        adapted.append(one.predict(frame.iloc[query]) - y.iloc[query])
        common.append(model.fitted_.fitted.predict(frame.iloc[query]) - y.iloc[query])
    return np.sqrt(np.mean(np.concatenate(adapted) ** 2)), np.sqrt(np.mean(np.concatenate(common) ** 2))


@pytest.mark.parametrize("tune", [True, False])
def test_ten_rows_of_a_new_task_tell_most_of_it(table, regressor, tune):
    adapted, common = errors(table, regressor, 10, tune=tune)
    assert common > 1.5, "intercepts and slopes that the global model cannot know"
    assert adapted < 3 * NOISE
    one, _ = errors(table, regressor, 1, tune=tune)
    assert adapted < one < common, "one row tells something, ten tell more"


def test_known_tasks_are_predicted_as_they_are_known(table, regressor):
    frame, y, _, known = table
    assert np.sqrt(np.mean((regressor.predict(frame[known]) - y[known]) ** 2)) < 2.5 * NOISE
    again = regressor.predict(frame[known].drop(columns="store"), task=frame.loc[known, "store"])
    np.testing.assert_array_equal(again, regressor.predict(frame[known]))
    assert regressor.tasks_.tolist() == sorted(frame.loc[known, "store"].unique())


def test_unreadable_cells_are_told_once_for_all_tasks(table, regressor, caplog):
    frame, _, _, known = table
    bad = frame[known].astype({"x": object})
    bad.iloc[::7, 0] = "soon"
    regressor.predict(bad)
    (record,) = caplog.records
    assert f"{len(bad.iloc[::7])} of the {len(bad)} cells of 'x' cannot be read as a number" in record.getMessage()


def test_classes(table, classifier):
    frame, y, store, known = table
    labels = np.where(y > 0, "good", "bad")
    assert classifier.classes_.tolist() == ["bad", "good"]
    assert classifier.score(frame[known], labels[known]) > 0.9
    right, common = [], []
    for number in range(KNOWN, store.max() + 1):
        rows = np.flatnonzero(store == number)
        model = classifier.adapt(frame.iloc[rows[:10]], labels[rows[:10]])
        probabilities = model.predict_proba(frame.iloc[rows[10:]])
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        right.append(model.predict(frame.iloc[rows[10:]]) == labels[rows[10:]])
        plain = classifier.fitted_.fitted.predict(frame.iloc[rows[10:]])
        common.append(classifier.classes_[plain.argmax(axis=1)] == labels[rows[10:]])
    assert np.mean(right) > np.mean(common)


@pytest.mark.parametrize("name", ["regressor", "classifier"])
def test_a_file_predicts_and_adapts_with_the_same_bits(table, name, request, tmp_path):
    frame, y, store, known = table
    model = request.getfixturevalue(name)
    model.save(tmp_path / "m.seasoned")
    loaded = load(tmp_path / "m.seasoned")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict(frame[known]), model.predict(frame[known]))
    rows = np.flatnonzero(store == KNOWN)
    target = y.iloc[rows[:5]] if name == "regressor" else np.where(y.iloc[rows[:5]] > 0, "good", "bad")
    pair = [each.adapt(frame.iloc[rows[:5]], target) for each in (loaded, model)]
    assert pair[0].rate_scale == pair[1].rate_scale
    np.testing.assert_array_equal(*(each.predict(frame.iloc[rows[5:]]) for each in pair))
    assert loaded.random_state == 0
    assert loaded.target_name_ == ("sales" if name == "regressor" else None)


def test_the_same_seed_gives_the_same_model(table, regressor):
    frame, y, _, known = table
    again = clone(regressor).fit(frame[known], y[known], task="store")
    np.testing.assert_array_equal(again.predict(frame[known]), regressor.predict(frame[known]))


@pytest.mark.parametrize(("classes", "said"), [(99, 0), (100, 1)])
def test_a_hundred_classes_are_warned_of(classes, said, monkeypatch, caplog):
    monkeypatch.setattr(fit, "fit_global", lambda *given: 1 / 0)  # nothing is fitted
    labels = [f"c{place % classes}" for place in range(4 * classes)]
    with pytest.raises(ZeroDivisionError):
        FewShotClassifier().fit(pd.DataFrame({"x": range(len(labels))}), labels, task=np.arange(len(labels)) % 7)
    warned = [record for record in caplog.records if "few-shot learning is made for" in record.getMessage()]
    assert len(warned) == said


def test_a_scikit_learn_estimator():
    model = FewShotRegressor(quick(), shots=5, time_limit=10)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    for call in (lambda: model.predict([[1]]), lambda: model.adapt([[1]], [1]), lambda: model.save("m")):
        with pytest.raises(NotFittedError):
            call()


@pytest.mark.slow
def test_another_learner(table, tmp_path):
    frame, y, store, known = table
    training = Training(steps=100, tasks=8, lr=5e-3, every=50, validation_tasks=20)
    learner = MAML(inner_lr=0.05, inner_steps=3, training=training)
    model = FewShotRegressor(learner, random_state=0).fit(frame[known], y[known], task="store")
    rows = np.flatnonzero(store == KNOWN)
    model.save(tmp_path / "m.seasoned")
    loaded = load(tmp_path / "m.seasoned")
    np.testing.assert_array_equal(loaded.predict(frame[known]), model.predict(frame[known]))
    pair = [each.adapt(frame.iloc[rows[:8]], y.iloc[rows[:8]], tune=False) for each in (loaded, model)]
    assert pair[0].steps == 3
    np.testing.assert_array_equal(*(each.predict(frame.iloc[rows[8:]]) for each in pair))


@pytest.mark.slow
def test_a_target_of_outliers_and_a_constant_one():
    frame, y, _ = stores(tasks=8, rows=8)
    y = y.copy()
    y.iloc[::13] = 1e6
    model = FewShotRegressor(brief(), random_state=0).fit(frame, y, task="store")
    assert np.isfinite(model.predict(frame)).all()
    flat = FewShotRegressor(brief(), random_state=0).fit(frame, np.full(len(y), 5.0), task="store")
    np.testing.assert_allclose(flat.predict(frame), 5.0, atol=0.05)


@pytest.mark.slow
def test_the_time_limit_ends_the_training(monkeypatch):
    train, trained = fit.meta_train, []

    def watched(*given):
        trained.append(train(*given))
        return trained[-1]

    monkeypatch.setattr(fit, "meta_train", watched)
    frame, y, _ = stores(tasks=8, rows=8)
    model = FewShotRegressor(quick(), time_limit=0.01, random_state=0).fit(frame, y, task="store")
    assert [int(learner.fitted.state.step) for learner in trained] == [100], "of 300, and the clock is read each 100"
    assert np.isfinite(model.predict(frame)).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"shots": 0}, "shots is 0"),
        ({"shots": True}, "shots is True"),
        ({"validation": 1}, "validation is 1"),
        ({"validation": "0.2"}, "validation is '0.2'"),
        ({"time_limit": "long"}, "time_limit is 'long'"),
        ({"time_limit": 0}, "time_limit is 0"),
        ({"learner": "maml"}, "learner is 'maml'"),
        ({"learner": PrototypicalNetworks()}, "a PrototypicalNetworks, which classifies by distances"),
    ],
)
def test_parameters_that_break_a_rule(table, options, sentence):
    frame, y, _, _ = table
    with pytest.raises(InvalidInput, match=sentence):
        FewShotRegressor(**options).fit(frame, y, task="store")


def test_tables_that_break_a_rule(table):
    frame, y, store, _ = table
    model = FewShotRegressor()
    few = store < 3
    for X, target, task, sentence in (
        (frame, y, "shop", "no column 'shop'"),
        (frame, y, None, "task is None"),
        (frame[few], y[few], "store", "3 task\\(s\\) and at least 5"),
        (frame, y, np.arange(len(y)), "only 0 of 600 tasks have two rows"),
        (frame, y, store[:-1], "599 labels and the table 600 rows"),
        (frame, y[:-1], "store", "600 rows and y has 599"),
        (frame[["store"]], y, "store", "no feature beside the task"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            model.fit(X, target, task=task)


def test_rows_that_break_a_rule(table, regressor, classifier):
    frame, y, store, _ = table
    new = frame[store == KNOWN]
    with pytest.raises(InvalidInput, match="the task 's24' was not there in fit; adapt"):
        regressor.predict(new)
    with pytest.raises(InvalidInput, match="pass the column 'store'"):
        regressor.predict(new.drop(columns="store"))
    with pytest.raises(InvalidInput, match="row 2 has no task"):
        regressor.predict(frame.iloc[:5].assign(store=["s00", "s00", None, "s00", "s00"]))
    with pytest.raises(InvalidInput, match="pass one target per row, and at least one row"):
        regressor.adapt(new, y[:3])
    with pytest.raises(InvalidInput, match="all 20 targets are missing"):
        regressor.adapt(new, np.full(20, np.nan))
    with pytest.raises(InvalidInput, match="lacks the column\\(s\\) 'x'"):
        regressor.adapt(new.drop(columns="x"), y[store == KNOWN])
    with pytest.raises(InvalidInput, match="'awful', a class that was not there"):
        classifier.adapt(new, ["awful"] * len(new))
    with pytest.raises(InvalidInput, match="predicts numbers"):
        regressor.adapt(new, y[store == KNOWN]).predict_proba(new)


def test_unlabelled_rows_of_a_new_task_do_not_matter(table, regressor):
    frame, y, store, _ = table
    rows = np.flatnonzero(store == KNOWN)
    some = y.iloc[rows].where(np.arange(len(rows)) < 6)
    one = regressor.adapt(frame.iloc[rows], some)
    other = regressor.adapt(frame.iloc[rows[:6]], some.iloc[:6])
    np.testing.assert_array_equal(one.predict(frame.iloc[rows]), other.predict(frame.iloc[rows]))
    assert one.predict(frame.iloc[:0]).shape == (0,)


@pytest.mark.slow
def test_rows_of_several_tasks_are_adapted_to_one_at_a_time(table, regressor):
    frame, y, store, _ = table
    two = np.isin(store, [KNOWN, KNOWN + 1])
    with pytest.raises(InvalidInput, match=r"of 2 tasks \(s24, s25\); adapt to one at a time, or .* 'store' out"):
        regressor.adapt(frame[two], y[two])
    assert regressor.adapt(frame[two].drop(columns="store"), y[two]).rows == 40
    labelled = y[two].where(store[two] == KNOWN)  # rows that are not adapted to may be of any task
    assert regressor.adapt(frame[two], labelled).rows == 20
    few = store < 6
    values = frame[["x", "z"]].to_numpy()
    by_array = FewShotRegressor(brief(), random_state=0).fit(values[few], y[few], task=store[few])
    assert by_array.adapt(values[two], y[two]).rows == 40


def test_an_adapted_model_shows_itself_in_a_line(table, regressor, classifier):
    frame, y, store, _ = table
    rows = np.flatnonzero(store == KNOWN)[:5]
    one = classifier.adapt(frame.iloc[rows], np.where(y.iloc[rows] > 0, "good", "bad"))
    assert repr(one) == "AdaptedTable(5 rows of a task, classification, 2 classes ('bad', 'good'))"
    assert repr(regressor.adapt(frame.iloc[rows], y.iloc[rows])) == "AdaptedTable(5 rows of a task, regression)"


def test_a_damaged_file_is_refused(regressor, tmp_path):
    import io
    import json
    import zipfile

    from seasoned.tabular.safe_files.zip_container import pack

    path = tmp_path / "m.seasoned"
    regressor.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    text = json.loads(members["few-shot.json"])
    with np.load(io.BytesIO(members["few-shot.npz"])) as arrays:
        parts = {name: arrays[name] for name in arrays.files}
    place = {name: f"a{index}" for index, name in enumerate(text["arrays"])}
    forgeries = {
        "another network": ({**text, "network": {"kind": "Function"}}, {}),
        "narrower network": ({**text, "network": {**text["network"], "hidden": []}}, {}),
        "fewer tasks": ({**text, "tasks": text["tasks"][1:]}, {}),
        "a fold that is not there": (text, {place["task_folds"]: np.full(KNOWN, 7)}),
        "not a number": (text, {place["adapter/variance"]: parts[place["adapter/variance"]] * np.nan}),
        "negative variance": (text, {place["adapter/variance"]: -parts[place["adapter/variance"]]}),
        "shorter variance": (text, {place["adapter/variance"]: parts[place["adapter/variance"]][1:]}),
        "own heads of another shape": (text, {place["own/head"]: parts[place["own/head"]][:, 1:]}),
    }
    for changed, replaced in forgeries.values():
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{**parts, **replaced})
        forged = {**members, "few-shot.json": json.dumps(changed).encode(), "few-shot.npz": buffer.getvalue()}
        path.write_bytes(pack(manifest, forged, None))
        with pytest.raises(InvalidInput):
            load(path)


def test_predictions_need_no_jax(regressor, table, tmp_path):
    import subprocess
    import sys

    frame, y, store, _ = table
    regressor.save(tmp_path / "m.seasoned")
    rows = np.flatnonzero(store == KNOWN)
    frame.iloc[rows].assign(sales=y.iloc[rows]).to_parquet(tmp_path / "new.parquet")
    code = """
import sys
sys.modules["jax"] = None  # importing it fails, as if it were not installed
import pandas as pd
from seasoned import load
from seasoned.errors import MissingExtra
model, rows = load("m.seasoned"), pd.read_parquet("new.parquet")
print(model.adapt(rows[:5], rows["sales"][:5]).predict(rows[5:]).round(6).tolist())
try:
    type(model)().fit(rows, rows["sales"], task=rows.index % 6)
except MissingExtra as error:
    assert "pip install jax optax" in str(error)
else:
    raise AssertionError
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    expected = regressor.adapt(frame.iloc[rows[:5]], y.iloc[rows[:5]]).predict(frame.iloc[rows[5:]])
    np.testing.assert_allclose(eval(run.stdout), expected, atol=1e-5)


def test_pandas_are_kept_as_they_were(table, regressor):
    frame, y, _, known = table
    before = frame.copy()
    regressor.predict(frame[known])
    pd.testing.assert_frame_equal(frame, before)
    assert y.name == "sales"


def test_a_loaded_model_asks_for_its_learner_before_it_is_fitted_again(regressor, table, tmp_path):
    frame, y, _, known = table
    regressor.set_params(shots=np.int64(7)).save(tmp_path / "m.seasoned")
    again = load(tmp_path / "m.seasoned")
    assert (again.shots, again.unsaved_) == (7, ("learner",))
    with pytest.raises(InvalidInput, match="could not hold learner"):
        again.fit(frame[known], y[known], task="store")
    assert FewShotRegressor().get_params() == type(again)().get_params()


def test_a_task_that_lies_far_from_all_others_is_reached(table, regressor):
    frame, y, store, _ = table
    rows = np.flatnonzero(store == KNOWN)
    far = y.iloc[rows] + 150.0
    model = regressor.adapt(frame.iloc[rows[:15]], far.iloc[:15])
    error = model.predict(frame.iloc[rows[15:]]) - far.iloc[15:]
    assert np.abs(error).mean() < 15, "what all rows of a task share is no outlier"
    spoilt = y.iloc[rows].copy()
    spoilt.iloc[3] += 1e6
    kept = regressor.adapt(frame.iloc[rows[:15]], spoilt.iloc[:15])
    error = kept.predict(frame.iloc[rows[15:]]) - y.iloc[rows[15:]]
    assert np.abs(error).mean() < 15, "and one row that lies far from the others is"


@pytest.mark.slow
def test_a_learner_of_ones_own_class_is_not_saved_for_it_could_not_be_loaded(table, tmp_path):
    class Own(MAML):
        pass

    frame, y, _, known = table
    learner = Own(network=MLP((4,)), training=Training(steps=4, every=2, tasks=2, validation_tasks=2))
    model = FewShotRegressor(learner, random_state=0).fit(frame[known], y[known], task="store")
    assert model.adapt(frame[~known].head(5), y[~known].head(5)).predict(frame[~known].head(2)).shape == (2,)
    with pytest.raises(InvalidInput, match="the learner is or has a Own of your own, which no file can hold"):
        model.save(tmp_path / "own.seasoned")
