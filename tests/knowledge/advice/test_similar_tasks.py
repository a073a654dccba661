"""Similar tasks: weights of past tasks, their configurations, and scores relative to a baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seasoned.knowledge import Experience, PastStudy, PastTrial
from seasoned.knowledge.advice.similar_tasks import SimilarTasks, TaskQuery, recall, relative
from seasoned.knowledge.experience.past_study import UNNAMED, Head
from seasoned.knowledge.meta_features.meta_features import METAFEATURES
from seasoned.knowledge.performance_model.model import fit_metric
from seasoned.knowledge.performance_model.regret import levels_of, standardise

NAMES = [feature.name for feature in METAFEATURES]
SHARED = 12


def task(number, *, family=None, metric="roc_auc", features=None, own=(), baseline=-0.5, sort="binary"):
    rng = np.random.default_rng(number)
    scores = -0.7 - 0.1 * rng.random(SHARED)
    trials = [PastTrial({"x": x}, float(score), 1.0, False) for x, score in enumerate(scores)]
    trials += [PastTrial({"x": x}, score) for x, score in own]
    values = rng.normal(size=len(NAMES)) if features is None else features
    head = Head(f"t{number}", family or f"f{number}", sort=sort, metric=metric, baseline=baseline)
    return PastStudy(head, dict(zip(NAMES, values.tolist(), strict=True)), trials)


def asking(features=None, metric="roc_auc"):
    values = np.random.default_rng(99).normal(size=len(NAMES)) if features is None else features
    return TaskQuery("pipeline", "binary", metric, "roc_auc", values)


def as_it_is(config, version):
    return dict(config)


def test_twin_task_counts_most_and_adds_its_best_configurations():
    features = np.random.default_rng(99).normal(size=len(NAMES))
    past = [task(number) for number in range(40)]
    past.append(task(50, features=features + 1e-3, own=[(1000, -0.99), (1001, -0.1)]))
    found = recall(Experience.of_studies(past), asking(features), as_it_is)
    assert found.names[int(np.argmax(found.weights))] == "t50"
    assert found.weights.max() > 0.25
    assert {"x": 1000} in found.configs
    assert {"x": 1001} not in found.configs
    assert found.weights.min() > 0.2 / 41  # nobody is left out
    assert found.weights.sum() == pytest.approx(1.0)


def test_tasks_without_a_twin_count_nearly_alike():
    found = recall(Experience.of_studies([task(number) for number in range(40)]), asking(), as_it_is)
    assert found.weights.max() < 4 / 40


def test_tasks_of_one_family_count_once():
    past = [task(number) for number in range(20)]
    many = past + [task(number, family="big") for number in range(100, 160)]
    found = recall(Experience.of_studies(many), asking(), as_it_is)
    big = sum(w for w, name in zip(found.weights, found.names, strict=True) if int(name[1:]) >= 100)
    assert big < 0.15


def test_tables_fitted_daily_leave_room_for_other_tables():
    features = np.random.default_rng(99).normal(size=len(NAMES))
    often = [task(1_000 + n, family=f"own{n % 30}", features=features + 0.01 * (n % 30)) for n in range(30 * 12)]
    found = recall(Experience.of_studies([task(n) for n in range(100)] + often), asking(features), as_it_is)
    assert len(found.names) == 256
    numbers = np.array([int(name[1:]) for name in found.names])
    assert (numbers < 100).sum() == 100
    assert len(set(numbers[numbers >= 100] % 30)) == 30


def test_similar_tasks_share_the_sort_and_the_metric_or_the_usual_metric():
    past = [task(number) for number in range(5)] + [task(9, sort="regression"), task(8, metric="accuracy")]
    experience = Experience.of_studies(past)
    assert recall(experience, asking(metric="f1"), as_it_is).about["metric"] == "roc_auc"
    assert len(recall(experience, asking(), as_it_is).names) == 5
    assert len(recall(experience, asking()._replace(sort="multiclass"), as_it_is).names) == 5
    assert recall(experience, asking()._replace(sort="regression"), as_it_is) is None
    assert recall(experience, asking()._replace(kind="other"), as_it_is) is None


def test_configurations_that_are_no_longer_valid_are_left_out():
    past = Experience.of_studies([task(number) for number in range(5)])
    found = recall(past, asking(), lambda config, version: None if config["x"] % 2 else {"x": -config["x"]})
    assert sorted(config["x"] for config in found.configs) == [-10, -8, -6, -4, -2, 0]
    assert recall(past, asking(), lambda config, version: None) is None


def test_configurations_equal_in_the_new_space_share_a_column():
    trials = [PastTrial({"x": x}, -0.6, 1.0) for x in range(SHARED)]
    again = [PastTrial({"x": 0, "features": {"none": {}}}, -0.9, 7.0)]
    lost = [PastTrial({"x": 1, "features": {"none": {}}}, None, 2.0, failed=True)]
    alone = [
        PastTrial({"x": 50}, None, 3.0, failed=True),
        PastTrial({"x": 50, "features": {"none": {}}}, None, 3.0, True),
    ]
    heads = [Head(f"t{n}", f"f{n}", sort="binary", metric="roc_auc", baseline=-0.5) for n in range(5)]
    past = [PastStudy(head, {}, trials + again + lost) for head in heads[:4]]
    past.append(PastStudy(heads[4], {}, trials + alone))

    def plain(config, version):
        return {"x": config["x"]}

    found = recall(Experience.of_studies(past), asking(), plain)
    assert len({config["x"] for config in found.configs}) == len(found.configs)
    zero, one = (found.configs.index({"x": x}) for x in (0, 1))
    assert found.scores[0, zero] == pytest.approx(-0.8)  # the better of the two, with its seconds
    assert found.seconds[0, zero] == pytest.approx(7.0)
    assert found.scores[4, zero] == pytest.approx(-0.2)
    assert not found.failed[:, one].any()  # one of the two has a score


def test_few_fits_with_another_metric_do_not_hide_other_tasks():
    usual = [task(number) for number in range(30)]
    few = [task(number, family="mine", metric="f1") for number in range(100, 103)]
    found = recall(Experience.of_studies(usual + few), asking(metric="f1"), as_it_is)
    assert len(found.names) == 33
    same = [task(number, family="f3", metric="f1") for number in range(100, 103)]
    found = recall(Experience.of_studies(usual + same), asking(metric="f1"), as_it_is)
    assert len(found.names) == 32  # not twice the family that has the asked metric
    assert "t3" not in found.names
    many = [task(number, family=f"g{number % 5}", metric="f1") for number in range(100, 120)]
    found = recall(Experience.of_studies(usual + many), asking(metric="f1"), as_it_is)
    assert len(found.names) == 20
    assert found.about["metric"] == "f1"


def test_similar_tasks_survive_their_file(tmp_path):
    found = recall(Experience.of_studies([task(number) for number in range(5)]), asking(), as_it_is)
    found.save(tmp_path / "recalled.npz")
    again = SimilarTasks.load(tmp_path / "recalled.npz")
    assert again.configs == found.configs
    assert again.names == found.names
    assert dict(again.about) == dict(found.about)
    for name in ("scores", "seconds", "failed", "weights", "metafeatures"):
        assert np.array_equal(getattr(again, name), getattr(found, name), equal_nan=name != "failed")


def test_relative_score_of_the_baseline_is_zero():
    assert relative(np.array([-0.5, -1.0]), -0.5).tolist() == [0.0, -1.0]
    assert relative(3.0, 0.0) == 3.0


def test_configuration_of_another_meaning_in_an_old_version_is_missing():
    """Configurations with an odd x are not valid as version 1 meant them; most studies are of version 2."""
    new = [replace(task(number), head=replace(task(number).head, version=2)) for number in range(12)]
    old = replace(task(99), head=replace(task(99).head, version=1))

    def adapt(config, version):
        return None if version == 1 and config["x"] % 2 else config

    alone = recall(Experience.of_studies(new), asking(), adapt)
    for past in ([old, *new], [*new, old]):
        found = recall(Experience.of_studies(past), asking(), adapt)
        assert {config["x"] for config in found.configs} == {config["x"] for config in alone.configs}
        place = found.names.index("t99")
        odd = np.array([config["x"] % 2 == 1 for config in found.configs])
        assert np.isnan(found.scores[place, odd]).all()
        assert not found.failed[place, odd].any()
        assert np.isfinite(found.scores[place, ~odd]).any()


def test_family_of_many_fits_counts_once_among_twins():
    """Two families are equally near; one of them has been fitted nineteen times."""
    features = np.random.default_rng(99).normal(size=len(NAMES))
    past = [task(number) for number in range(40)]
    past.append(task(50, features=features + 1e-3))
    past += [task(number, family="again", features=features + 1e-3) for number in range(100, 119)]
    found = recall(Experience.of_studies(past), asking(features), as_it_is)
    weights = dict(zip(found.names, found.weights, strict=True))
    again = sum(weight for name, weight in weights.items() if int(name[1:]) >= 100)
    assert again == pytest.approx(weights["t50"], rel=0.05)


def searched(number, losses, stopped=(), **options):
    """A fit of one's own: losses of configurations, and bounds of those that were stopped."""
    study = task(number, **options)
    trials = [PastTrial({"x": x}, loss, 1.0) for x, loss in losses.items()]
    trials += [PastTrial({"x": x}, loss, 0.2, stopped=True) for x, loss in dict(stopped).items()]
    return PastStudy(study.head, study.metafeatures, trials)


def recorded(number):
    study = task(number)
    return PastStudy(replace(study.head, source="shipped"), study.metafeatures, study.trials)


def test_tuned_trials_of_a_search_do_not_set_the_gap_of_their_task():
    """Defaults at AUC .90 and .86 beside twenty tuned trials from .918 to .920 are no catastrophes."""
    features = np.random.default_rng(99).normal(size=len(NAMES))
    losses = {0: -0.90, 1: -0.86, **{100 + number: -0.918 - 0.0001 * number for number in range(21)}}
    past = [recorded(number) for number in range(20)] + [searched(50, losses, features=features)]
    found = recall(Experience.of_studies(past), asking(features), as_it_is)
    place = found.names.index("t50")
    best = relative(-0.92, -0.5)
    assert found.gaps[place] == pytest.approx(0.1 * -best)
    assert not np.delete(found.gaps, place).any()  # what was recorded was not chosen for being good
    metric = fit_metric(found.scores, gaps=found.gaps)
    z = standardise(found.scores, metric.level)[place]
    at = {config["x"]: column for column, config in enumerate(found.configs)}
    assert z[at[120]] == pytest.approx(-1.0)
    assert -1.0 < z[at[0]] < 0.0 < z[at[1]] < 1.0
    assert standardise(found.scores, levels_of(found.scores))[place, at[0]] > 5.0  # by its own median


def test_stopped_trial_is_a_bound_and_is_not_recalled_as_best():
    features = np.random.default_rng(99).normal(size=len(NAMES))
    losses = {0: -0.9, 1: -0.89, 2: -0.6, 1000: -0.88}
    past = [recorded(number) for number in range(20)]
    past.append(searched(50, losses, {3: -0.85, 4: -0.85, 1001: -0.95}, features=features))
    found = recall(Experience.of_studies(past), asking(features), as_it_is)
    place = found.names.index("t50")
    at = {config["x"]: column for column, config in enumerate(found.configs)}
    assert 1000 in at
    assert 1001 not in at  # nobody has tried it to its end
    assert np.flatnonzero(found.stopped[place]).tolist() == sorted((at[3], at[4]))
    assert found.scores[place, at[3]] == pytest.approx(relative(-0.85, -0.5))
    assert not np.delete(found.stopped, place, axis=0).any()
    metric = fit_metric(found.scores, stopped=found.stopped, gaps=found.gaps)
    bound = standardise(found.scores, metric.level)[place, at[3]]
    assert metric.factors.completed[place, at[3]] >= min(bound, np.log1p(max(bound, 0.0))) - 1e-9
    assert metric.reached[at[3], place] == 0.0


def test_complete_trial_counts_before_a_stopped_trial():
    study = searched(1, {0: -0.7}, {0: -0.9, 5: -0.8})
    table = Experience.of_studies([study]).table()
    assert table.scores[0].tolist() in ([-0.7, -0.8], [-0.8, -0.7])
    assert table.stopped.sum() == 1
    whole = {1: -0.75, 2: -0.76, 3: -0.77}
    twice = searched(50, {0: -0.7, **whole}, {5: -0.8})
    also = [PastTrial({"x": 0, "y": 1}, -0.9, 0.2, stopped=True), *twice.trials]
    past = [*(recorded(number) for number in range(5)), PastStudy(twice.head, twice.metafeatures, also)]
    found = recall(Experience.of_studies(past), asking(), lambda config, version: {"x": config["x"]})
    place, column = found.names.index("t50"), found.configs.index({"x": 0})
    assert found.scores[place, column] == pytest.approx(relative(-0.7, -0.5))
    assert not found.stopped[place, column]
    assert found.stopped[place, found.configs.index({"x": 5})]


def unnamed(number, features):
    study = task(number, features=features)
    family = UNNAMED + str(number)
    return PastStudy(replace(study.head, family=family, source="shipped"), study.metafeatures, study.trials)


def test_later_forms_of_one_unnamed_array_count_as_one_table():
    """Twenty forms of one array have one vote together; other arrays have one each."""
    rng = np.random.default_rng(5)
    named = [recorded(number) for number in range(40)]
    one = rng.normal(size=len(NAMES))
    forms = [unnamed(100 + number, one + 0.02 * rng.normal(size=len(NAMES))) for number in range(20)]
    others = [unnamed(200 + number, rng.normal(size=len(NAMES))) for number in range(5)]
    found = recall(Experience.of_studies([*named, *forms, *others]), asking(), as_it_is)
    weights = dict(zip(found.names, found.weights, strict=True))
    kept = [weights[name] for number in range(20) if (name := f"t{100 + number}") in weights]
    assert len(kept) == 12, "of one table the newest are looked at"
    together = sum(kept)
    usual = np.mean([weights[f"t{number}"] for number in range(40)])
    assert together == pytest.approx(usual, rel=0.5)
    assert np.mean([weights[f"t{200 + number}"] for number in range(5)]) == pytest.approx(usual, rel=0.5)


def test_newest_fits_of_a_growing_array_are_recalled_with_their_best():
    """Sixty fits of an array of which each has a little more rows, beside forty other tables."""
    rng = np.random.default_rng(5)
    past = [recorded(number) for number in range(40)]
    one = rng.normal(size=len(NAMES))
    for day in range(60):
        form = task(1000 + day, features=one + 1e-4 * day, own=[(5000 + day, -0.9 - 1e-4 * day)])
        head = replace(form.head, family=f"{UNNAMED}{day}", created=f"2026-{1 + day // 28:02}-{1 + day % 28:02}")
        past.append(PastStudy(head, form.metafeatures, form.trials))
    found = recall(Experience.of_studies(past), asking(one), as_it_is)
    grown = [name for name in found.names if name.startswith("t1") and len(name) == 5]
    assert grown == [f"t{1000 + day}" for day in range(48, 60)]
    assert {"x": 5059} in found.configs


def test_similar_tasks_with_bounds_survive_their_file(tmp_path):
    past = [searched(number, {x: -0.8 - 0.01 * x for x in range(4)}, {4: -0.7}) for number in range(5)]
    past += [searched(9, {x: -0.8 - 0.01 * x for x in range(5)})]
    found = recall(Experience.of_studies(past), asking(), as_it_is)
    found.save(tmp_path / "recalled.npz")
    again = SimilarTasks.load(tmp_path / "recalled.npz")
    assert np.array_equal(again.stopped, found.stopped)
    assert np.array_equal(again.gaps, found.gaps)
    assert found.stopped.sum() == 5


def test_table_fitted_daily_keeps_one_vote_and_its_newest_best():
    """Three hundred fits of one table beside forty others: its last ones are looked at, and count as one table."""
    features = np.random.default_rng(99).normal(size=len(NAMES))
    past = [task(number) for number in range(40)]
    for day in range(300):
        one = task(1000 + day, family="daily", features=features + 1e-4 * day, own=[(5000 + day, -0.9 - 1e-4 * day)])
        past.append(replace(one, head=replace(one.head, created=f"2026-{1 + day // 28:02}-{1 + day % 28:02}")))
    found = recall(Experience.of_studies(past), asking(features), as_it_is)
    daily = [name.startswith("t1") and len(name) == 5 for name in found.names]
    assert 1 < sum(daily) < 20
    assert found.weights[daily].sum() > 0.25
    assert {"x": 5299} in found.configs
    assert {"x": 5000} not in found.configs
    assert len(found.names) == 40 + sum(daily)


def test_similar_tasks_among_very_many_tables_are_those_of_most_weight():
    features = np.random.default_rng(99).normal(size=len(NAMES))
    past = [task(number) for number in range(300)]
    past += [task(1000 + day, family="twin", features=features) for day in range(5)]
    found = recall(Experience.of_studies(past), asking(features), as_it_is)
    assert len(found.names) == 256
    twins = [name in {f"t{1000 + day}" for day in range(5)} for name in found.names]
    assert sum(twins) == 5
    assert found.weights[twins].sum() > 0.25
    assert found.weights.sum() == pytest.approx(1.0)


def test_task_without_meta_features_weighs_all_tables_alike():
    past = [task(number) for number in range(30)] + [task(50 + n, family="f0") for n in range(3)]
    found = recall(Experience.of_studies(past), asking(np.full(len(NAMES), np.nan)), as_it_is)
    assert found.weights[1:30] == pytest.approx(np.full(29, 1 / 30))


@pytest.mark.parametrize("fits", [19, 20, 40])
def test_many_fits_of_one_array_by_a_rare_metric_do_not_hide_others(fits):
    rng = np.random.default_rng(5)
    one = rng.normal(size=len(NAMES))
    past = [task(number) for number in range(60)]
    for number in range(fits):
        form = task(1000 + number, metric="f1", features=one + 0.02 * rng.normal(size=len(NAMES)))
        past.append(PastStudy(replace(form.head, family=f"{UNNAMED}{number}"), form.metafeatures, form.trials))
    found = recall(Experience.of_studies(past), asking(metric="f1"), as_it_is)
    own = [name.startswith("t1") and len(name) == 5 for name in found.names]
    assert sum(own) == 12
    assert found.weights[own].sum() < 0.1
    assert found.about["metric"] == "f1 and roc_auc"


@pytest.mark.parametrize(("limit", "counts"), [(3.0, True), (3.7, True), (30.0, False), (None, False)])
def test_trial_cut_off_by_a_shorter_limit_is_missing_under_a_longer_one(limit, counts):
    """A booster that lacked rounds is no worse for that, and what was killed for its time has not failed."""
    features = np.random.default_rng(99).normal(size=len(NAMES))
    past = [task(number) for number in range(30)]
    own = task(50, features=features)
    trials = [*own.trials[:-2], PastTrial({"x": 10}, -0.2, 14.5), PastTrial({"x": 11}, None, 15.2, True)]
    head = replace(own.head, about={"folds": 5, "fit_seconds": 3.0})
    past.append(replace(own, head=head, trials=trials))
    found = recall(Experience.of_studies(past), asking(features)._replace(fit_seconds=limit), as_it_is)
    place, columns = found.names.index("t50"), [config["x"] for config in found.configs]
    late, killed = columns.index(10), columns.index(11)
    assert np.isfinite(found.scores[place, late]) == counts
    assert np.isfinite(found.seconds[place, late]) == counts
    assert bool(found.failed[place, killed]) == counts
    assert np.isfinite(found.scores[place, columns.index(0)]), "what ended at once says the same under any limit"


@pytest.mark.parametrize("told", ["soon", True, -1.0, float("nan")])
def test_invalid_fit_limit_of_a_past_task_cuts_nothing_off(told):
    past = [task(number) for number in range(10)]
    past = [replace(one, head=replace(one.head, about={"folds": 5, "fit_seconds": told})) for one in past]
    found = recall(Experience.of_studies(past), asking(), as_it_is)
    assert np.isfinite(found.scores).all()
