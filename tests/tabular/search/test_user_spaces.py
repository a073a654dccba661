"""Hyperparameters in ranges of the user's own, or held, and configurations to begin with."""

import numpy as np
import pandas as pd
import pytest

from in_process import stay_in_process
from optional import needs
from seasoned import (
    AutoClassifier,
    AutoRegressor,
    Between,
    Categorical,
    Choice,
    CustomModel,
    Float,
    Int,
    SearchSettings,
    Space,
)
from seasoned import load as load_bundle
from seasoned.errors import InvalidInput, MissingExtra
from seasoned.report.model.collect import report_data
from seasoned.tabular.models.registry import MODELS, choose, joint_space
from seasoned.tabular.search.family_bandit import FamilyBandit
from seasoned.tabular.search.initial_configurations import first_configurations
from seasoned.tabular.search.user_configurations import check_starts, own_starts, with_starts
from seasoned.tabular.search.user_spaces import bounded
from seasoned.trials import StudySpec, WarmStart


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    stay_in_process(monkeypatch)


TREE = {"min_samples_leaf": 15, "criterion": "gini"}


def table(rows=120):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=rows), "b": rng.normal(size=rows), "c": rng.choice(list("xyz"), rows)})
    return X, np.where(X["a"] + (X["c"] == "x") + 0.3 * rng.normal(size=rows) > 0.3, "yes", "no")


def fitted(search, *, experience=None, trials=8):
    X, y = table()
    return AutoClassifier(trials=trials, workers=1, random_state=0, experience=experience, search=search).fit(X, y)


def space_of(family, given, task="binary"):
    (model,) = bounded(choose([family]), {family: given}, task)
    return model.space(task)


# ------------------------------------------------------------------------------------------------ spaces


def test_a_search_stays_in_the_given_range_and_holds_the_given_value():
    given = {"tree": {"max_depth": Int(2, 4), "criterion": "gini"}, "linear": {"penalty": 3.0}}
    trials = fitted(SearchSettings(["linear", "tree"], folds=2, spaces=given)).fitted_.trials
    configs = {family: [t.config for t in trials if t.model == family] for family in given}
    assert {config["max_depth"] for config in configs["tree"]} <= {2, 3, 4}
    assert {config["criterion"] for config in configs["tree"]} == {"gini"}
    assert len({config["min_samples_leaf"] for config in configs["tree"]}) > 1, "the rest is searched as usual"
    assert [config["penalty"] for config in configs["linear"]] == [3.0], "what has nothing to search is fitted once"


def test_advice_of_past_tasks_stays_inside_as_well():
    given = {"tree": {"max_depth": Int(2, 3)}, "extra_trees": {"criterion": "entropy"}}
    trials = fitted(SearchSettings(["tree", "extra_trees"], folds=2, spaces=given), experience="shipped").fitted_.trials
    assert {t.config["max_depth"] for t in trials if t.model == "tree"} <= {2, 3}
    assert {t.config["criterion"] for t in trials if t.model == "extra_trees"} == {"entropy"}


@pytest.mark.parametrize(
    ("given", "default"),
    [
        (Int(8, 100), 50),  # the family's
        (Int(60, 100), 80),  # the middle, for the family's lies outside
        (Int(8, 100, default=9), 9),
        (Categorical([10, 50, 70]), 50),
        (Categorical([10, 50, 70], default=70), 70),
        (Categorical([10, 20]), 10),
        (500, 500),  # wider than usual
        (np.int64(7), 7),
        (31.0, 31),
    ],
)
def test_a_range_begins_from_the_familys_default_unless_it_says_another(given, default):
    found = space_of("lightgbm", {"num_leaves": given}).default["num_leaves"]
    assert found == default
    assert type(found) is int


def test_values_are_of_the_kind_that_the_family_takes():
    space = space_of("lightgbm", {"cat_smooth": Int(1, 30), "lambda_l1": 1, "cat_l2": Int(1, 50, log=True)})
    assert {type(space.default[name]) for name in ("cat_smooth", "lambda_l1")} == {float}
    assert space.parameters["cat_smooth"].step == 1.0
    assert space.parameters["cat_l2"] == Int(1, 50, log=True, default=10), "whole numbers, from the family's default"


def test_a_space_brings_its_forbidden_combinations():
    given = Space(max_depth=Int(2, 3), min_samples_leaf=Int(1, 2), forbidden=[{"max_depth": 2, "min_samples_leaf": 1}])
    space = space_of("tree", given)
    drawn = [space.sample(np.random.default_rng(seed)) for seed in range(40)]
    assert {(c["max_depth"], c["min_samples_leaf"]) for c in drawn} == {(2, 2), (3, 1), (3, 2)}
    assert "forbidden=[{'max_depth': [2], 'min_samples_leaf': [1]}]" in repr(given)


@pytest.mark.parametrize("seed", range(8))
def test_all_of_a_grid_is_suggested_in_one_breath(seed):
    given = {"tree": {"max_depth": Int(2, 4), "min_samples_leaf": 15, "criterion": "gini"}, "linear": {"penalty": 3.0}}
    given["forest"] = {"min_samples_leaf": Categorical([1, 5]), "max_features": 0.5, "criterion": "gini"}
    space = joint_space(bounded(choose(["linear", "tree", "forest"]), given, "binary"), "binary")
    first = WarmStart(
        configurations=({"model": {"linear": {"penalty": 3.0}}}, {"model": {"tree": {**TREE, "max_depth": 4}}})
    )
    sampler = FamilyBandit(warm_start=first)
    state = sampler.init(StudySpec(space, ("minimize",), seed, None, first))
    assert sampler.capacity(state) == 6
    found, _ = sampler.ask(state, range(6))
    assert len({str(one.config) for one in found}) == 6


@pytest.mark.parametrize("more", [{"steps": ["bins"]}, {"logarithm": True}, {"absolute": True}])
def test_the_joint_space_keeps_them_whatever_else_is_chosen(more):
    given = Space(max_depth=Int(2, 3), min_samples_leaf=Int(1, 2), forbidden=[{"max_depth": 2, "min_samples_leaf": 1}])
    families = bounded(choose(["tree", "forest"]), {"tree": given}, "regression")
    inner = joint_space(families, "regression", **more).parameters["model"].options["tree"]
    drawn = [inner.sample(np.random.default_rng(seed)) for seed in range(60)]
    assert {(c["max_depth"], c["min_samples_leaf"]) for c in drawn} == {(2, 2), (3, 1), (3, 2)}


def test_where_the_familys_defaults_are_forbidden_together_the_ranges_begin():
    given = Space(
        max_depth=Int(2, 12), min_samples_leaf=Int(1, 20), forbidden=[{"max_depth": 10, "min_samples_leaf": 15}]
    )
    default = space_of("tree", given).default
    assert (default["max_depth"], default["min_samples_leaf"]) == (7, 11)


def test_a_held_family_still_learns_the_median_where_absolute_errors_count():
    families = bounded(choose(["linear"]), {"linear": {"penalty": 1.0}}, "regression")
    inner = joint_space(families, "regression", absolute=True).parameters["model"].options["linear"]
    assert set(inner.parameters["target_centre"].choices) == {"mean", "median"}


@pytest.mark.parametrize("experience", [None, "shipped"])
def test_what_is_a_grid_is_tried_once(experience):
    given = {"tree": {"max_depth": Categorical([2, 3, 4]), "min_samples_leaf": 15, "criterion": "gini"}}
    trials = fitted(SearchSettings(["tree"], folds=2, spaces=given), experience=experience, trials=12).fitted_.trials
    assert sorted(t.config["max_depth"] for t in trials) == [2, 3, 4]
    given |= {"linear": {"penalty": Categorical([0.5, 1.0])}}
    search = SearchSettings(["tree", "linear", "forest"], folds=2, spaces=given)
    tried = [t for t in fitted(search, experience=experience, trials=12).fitted_.trials if t.model != "forest"]
    assert len({str(t.config) for t in tried}) == len(tried) <= 5


def test_a_bounded_family_is_the_family_in_all_else():
    (model,) = bounded(choose(["lightgbm"]), None, "binary")
    assert model is MODELS[model.name]
    (held,) = bounded(choose(["lightgbm"]), {"lightgbm": {"num_leaves": 9}}, "binary")
    assert (held.name, held.diet) == ("lightgbm", "codes")
    assert held.quantiles is MODELS["lightgbm"].quantiles
    with pytest.raises(AttributeError):
        held.nonsense  # noqa: B018 - asked for on purpose


def test_a_booster_learns_faster_only_where_it_may():
    models = bounded(choose(["lightgbm"]), {"lightgbm": {"learning_rate": Float(0.01, 0.05)}}, "binary")
    (start,) = first_configurations(models, "binary", haste=4.0)
    assert start["model"]["lightgbm"]["learning_rate"] == 0.04
    (usual,) = first_configurations(choose(["lightgbm"]), "binary", haste=4.0)
    assert usual["model"]["lightgbm"]["learning_rate"] == pytest.approx(0.16)


def test_the_first_configuration_is_the_users_default_and_each_change_stands_alone():
    needs("catboost")
    for given, expected in (
        ({"depth": Int(3, 9, default=4)}, (0.2, 4)),
        ({"learning_rate": 0.05}, (0.05, 7)),
        ({"learning_rate": Float(0.01, 0.1, default=0.02), "depth": 6}, (0.02, 6)),
        ({}, (0.2, 7)),
    ):
        models = bounded(choose(["catboost"]), {"catboost": given}, "regression")
        (start,) = first_configurations(models, "regression", haste=4.0, rows=500)
        assert (start["model"]["catboost"]["learning_rate"], start["model"]["catboost"]["depth"]) == expected


@pytest.mark.parametrize(
    ("spaces", "sentence"),
    [
        ({"lightgbm": {"leaves": 3}}, "has no such hyperparameter; those that it has: learning_rate, num_leaves"),
        ({"mlp": {"width": 64}}, "spaces names 'mlp', which takes no part; families that do: lightgbm, tree"),
        ({"lightgbm": {"num_leaves": 3.5}}, "is 3.5; it must be a whole number"),
        (
            {"lightgbm": {"num_leaves": float("nan")}},
            "a value in spaces is nan, which has no equal or no place in JSON",
        ),
        ({"lightgbm": {"num_leaves": "many"}}, "is 'many', not a number"),
        ({"lightgbm": {"num_leaves": True}}, "is True, not a number"),
        ({"lightgbm": {"num_leaves": Float(8, 64)}}, "but takes whole numbers; give an Int"),
        ({"lightgbm": {"num_leaves": Categorical([8, 9.5])}}, "is 9.5; it must be a whole number"),
        ({"lightgbm": {"num_leaves": Choice(a=Space(), b=Space())}}, "not a number"),
        ({"tree": {"criterion": "best"}}, "is 'best', none of ['gini', 'entropy']"),
        ({"tree": {"criterion": Float(0, 1)}}, "give one of 'gini', 'entropy', or a Categorical of some of them"),
        ({"tree": {"target_scale": "log"}}, "It is the search's own to choose."),
        ({"tree": {"max_depth": Int(0, 9)}}, "goes down to 0; it must be 1 or more"),
        ({"lightgbm": {"learning_rate": 0}}, "goes down to 0.0; it must be above 0"),
        ({"lightgbm": {"learning_rate": Float(-1, 0.1)}}, "goes down to -1.0; it must be above 0"),
        ({"lightgbm": {"feature_fraction": Float(0.5, 1.5)}}, "goes up to 1.5; it can be 1 at most"),
        ({"lightgbm": {"feature_fraction": Float(0, 1)}}, "goes down to 0.0; it must be above 0"),
        ({"lightgbm": {"num_leaves": Int(1, 31)}}, "goes down to 1; it must be 2 or more"),
        ({"lightgbm": {"lambda_l1": -0.1}}, "goes down to -0.1; it must be 0 or more"),
        ({"tree": {"max_depth": 2000}}, "goes up to 2000; it can be 500 at most"),
    ],
)
def test_what_is_no_good_is_refused_with_its_place(spaces, sentence):
    with pytest.raises(InvalidInput) as error:
        fitted(SearchSettings(["lightgbm", "tree"], spaces=spaces))
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("family", "given"),
    [
        ("lightgbm", {"lambda_l1": 0, "lambda_l2": Float(0, 1), "cat_smooth": 0.0, "num_leaves": 500}),
        ("histogram", {"l2_regularization": 0, "max_leaf_nodes": 2}),
        ("mlp", {"decay": 0.0, "dropout": Float(0, 0.8), "layers": 8}),
        ("splines", {"pairs": 0}),
        ("xgboost", {"reg_lambda": 0, "min_child_weight": 0}),
        ("catboost", {"l2_leaf_reg": 0, "random_strength": 5.0}),
    ],
)
def test_what_the_libraries_take_is_taken(family, given):
    (model,) = bounded((MODELS[family],), {family: given}, "binary")
    assert set(given) <= set(model.space("binary").default)


def test_an_own_model_has_its_space_already():
    from sklearn.naive_bayes import GaussianNB

    own = CustomModel("bayes", GaussianNB(), Space(var_smoothing=Float(1e-9, 1e-2, log=True)))
    with pytest.raises(InvalidInput, match="a model of your own; its space is an argument of CustomModel"):
        fitted(SearchSettings(["tree", own], spaces={"bayes": {"var_smoothing": 1e-3}}))


def test_a_family_that_is_not_installed_says_so(monkeypatch):
    monkeypatch.setattr("seasoned._util.optional_packages.is_installed", lambda _: False)
    with pytest.raises(MissingExtra, match="run: pip install"):
        bounded(choose(["tree"]), {"xgboost": {"max_depth": 3}}, "binary")


def test_what_is_wider_than_usual_is_saved_and_loaded(tmp_path):
    given = {"neighbours": {"neighbours": 100}, "mlp": {"layers": 6, "width": 16, "epochs": 3}}
    model = fitted(SearchSettings(["neighbours", "mlp"], folds=2, spaces=given), trials=2)
    model.save(tmp_path / "wide.seasoned")
    X, _ = table()
    np.testing.assert_array_equal(load_bundle(tmp_path / "wide.seasoned").predict_proba(X), model.predict_proba(X))


# ------------------------------------------------------------------------------------------------ starts


@pytest.mark.parametrize("experience", [None, "shipped"])
def test_own_starts_come_behind_the_first_two_defaults(experience):
    starts = [{"tree": {"max_depth": 3}}, {"model": {"tree": {"max_depth": 5, "min_samples_leaf": 7}}}]
    search = SearchSettings(["linear", "lightgbm", "tree", "forest"], folds=2, starts=starts)
    trials = fitted(search, experience=experience, trials=6).fitted_.trials
    assert [t.model for t in trials[:4]] == ["linear", "lightgbm", "tree", "tree"]
    assert [t.config["max_depth"] for t in trials[2:4]] == [3, 5]
    assert trials[3].config["min_samples_leaf"] == 7
    assert trials[2].config["criterion"] == "entropy", "what is left out is the family's default"


def test_an_own_start_is_not_taken_for_the_familys_default():
    search = SearchSettings(["linear", "lightgbm", "forest"], folds=2, starts=[{"forest": {"min_samples_leaf": 20}}])
    trials = fitted(search, experience="shipped", trials=8).fitted_.trials
    leaves = [t.config["min_samples_leaf"] for t in trials if t.model == "forest"]
    assert leaves[0] == 20
    assert any(t.config == {**t.config, "min_samples_leaf": 2, "max_features": 0.3} for t in trials), leaves


def test_what_a_start_leaves_out_is_as_the_family_begins():
    space = joint_space(choose(["lightgbm", "tree"]), "binary", ["bins", "frequency"])
    usual = [{"model": {"lightgbm": {**space.default["model"]["lightgbm"], "learning_rate": 0.16}}}]
    made = {"features": {"made": {"bins": False}}}
    first, second = own_starts([{"lightgbm": {"num_leaves": 9}}, {"tree": made}], space, usual)
    assert (first["model"]["lightgbm"]["learning_rate"], first["model"]["lightgbm"]["num_leaves"]) == (0.16, 9)
    assert second["model"]["tree"]["features"]["made"]["bins"] is False
    assert second["model"]["tree"]["features"]["made"]["frequency"] is True


def test_rows_of_a_leaderboard_start_another_fit():
    first = fitted(SearchSettings(["tree", "linear"], folds=2)).leaderboard()
    best = [(row.model, first.attrs["configs"][row.number]) for row in first.head(3).itertuples()]
    starts = [{model: config} for model, config in best]
    again = fitted(SearchSettings(["tree", "linear"], folds=2, starts=starts)).fitted_.trials
    tried = [(t.model, t.config) for t in again[:5]]
    assert all(one in tried for one in best)
    assert len({str(one) for one in tried}) == 5, "what is a default anyhow is tried once"


@pytest.mark.parametrize(
    ("starts", "sentence"),
    [
        ([{"tree": {"depth": 3}}], "starts[0]: of 'tree', 'depth' is unknown; the names are max_depth"),
        ([{"tree": {}}, {"mlp": {}}], "starts[1] names 'mlp', which takes no part; families that do: tree"),
        ([{"tree": {}, "linear": {}}], "give one family and its settings"),
        ([{}], "give one family and its settings"),
        ([{"tree": 3}], "starts[0] has 3 for 'tree'; give a dict of its settings"),
        ([{"tree": {"max_depth": 300}}], "'max_depth' is 300, outside [2, 30]"),
        ([{"tree": {"features": {"made": {}}}}], "has ['features'], unknown here"),
        ([{"tree": {"stacked_on": []}}], "second layer, which learns from other models; give starts of the first"),
    ],
)
def test_a_start_that_is_no_good_is_refused_with_its_place(starts, sentence):
    with pytest.raises(InvalidInput) as error:
        fitted(SearchSettings(["tree"], starts=starts))
    assert sentence in str(error.value)


def test_combinations_are_judged_by_what_would_run():
    forbidden = [{"max_depth": Between(8, 10), "min_samples_leaf": 3}]
    given = Space(max_depth=Int(2, 10), min_samples_leaf=Int(1, 20), forbidden=forbidden)
    models = bounded(choose(["tree"]), {"tree": given}, "binary")
    check_starts([{"tree": {"min_samples_leaf": 3}}], models, "binary")
    space = joint_space(models, "binary")
    usual = [{"model": {"tree": {**space.default["model"]["tree"], "max_depth": 5}}}]
    (start,) = own_starts([{"tree": {"min_samples_leaf": 3}}], space, usual)
    assert start["model"]["tree"]["max_depth"] == 5


def test_a_start_must_lie_in_the_given_range():
    models = bounded(choose(["tree"]), {"tree": {"max_depth": Int(2, 4)}}, "binary")
    space = joint_space(models, "binary")
    usual = first_configurations(models, "binary")
    (start,) = own_starts([{"tree": {"max_depth": 4}}], space, usual)
    assert start["model"]["tree"]["max_depth"] == 4
    with pytest.raises(InvalidInput, match=r"'max_depth' is 9, outside \[2, 4\]"):
        own_starts([{"tree": {"max_depth": 9}}], space, usual)


def test_the_same_start_twice_is_one():
    space = joint_space(choose(["tree"]), "binary")
    usual = first_configurations(choose(["tree"]), "binary")
    own = own_starts([{"tree": {"max_depth": 4}}, {"model": {"tree": {"max_depth": 4}}}], space, usual)
    assert len(own) == 1
    assert with_starts(usual, [*usual, *own], 2) == [*usual, *own]


# ------------------------------------------------------------------------------------------------ told and kept


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"spaces": 3}, "spaces is 3; pass a dict"),
        ({"spaces": {"tree": 4}}, "spaces['tree'] is 4; give a dict of its hyperparameters, or a Space"),
        ({"starts": {"tree": {}}}, "pass a list"),
        ({"starts": "tree"}, "pass a list"),
        ({"starts": [3]}, "starts[0] is 3; give a dict"),
    ],
)
def test_settings_refuse_other_kinds_at_once(given, sentence):
    with pytest.raises(InvalidInput) as error:
        SearchSettings(**given)
    assert sentence in str(error.value)


def test_a_bundle_keeps_them_and_fits_the_same_again(tmp_path):
    search = SearchSettings(
        ["tree"], 2, spaces={"tree": {"max_depth": Int(2, 4), "criterion": "gini"}}, starts=[{"tree": {"max_depth": 4}}]
    )
    model = fitted(search, trials=4)
    model.save(tmp_path / "model.seasoned")
    read = load_bundle(tmp_path / "model.seasoned")
    X, y = table()
    again = read.fit(X, y)
    assert [t.config for t in again.fitted_.trials] == [t.config for t in model.fitted_.trials]


def test_numbers_of_numpy_are_kept_as_plain_ones(tmp_path):
    search = SearchSettings(
        ["tree"], 2, spaces={"tree": {"min_samples_leaf": np.int64(4)}}, starts=[{"tree": {"max_depth": np.int64(3)}}]
    )
    assert search == SearchSettings(
        ["tree"], 2, spaces={"tree": {"min_samples_leaf": 4}}, starts=[{"tree": {"max_depth": 3}}]
    )
    model = fitted(search, trials=2)
    model.save(tmp_path / "model.seasoned")
    assert load_bundle(tmp_path / "model.seasoned").search.starts == [{"tree": {"max_depth": 3}}]


@pytest.mark.parametrize("spaces", [{"tree": {}}, [], 3, {"tree": {"parameters": {"max_depth": 3}}}])
def test_damaged_spaces_of_a_file_are_refused_in_a_sentence(tmp_path, spaces, monkeypatch):
    model = fitted(SearchSettings(["tree"], 2), trials=1)
    monkeypatch.setattr(SearchSettings, "to_plain", lambda _: {"models": ["tree"], "spaces": spaces})
    model.save(tmp_path / "model.seasoned")
    with pytest.raises(InvalidInput, match="the bundle's parameters are"):
        load_bundle(tmp_path / "model.seasoned")


def test_the_call_in_a_report_can_be_run():
    forbidden = [{"max_depth": 2, "min_samples_leaf": 1}, {"max_depth": Between(4, np.inf)}]
    space = Space(max_depth=Int(2, 4, default=3), min_samples_leaf=Int(1, 2), forbidden=forbidden)
    search = SearchSettings(["tree"], 2, spaces={"tree": space}, starts=[{"tree": {"max_depth": np.int64(3)}}])
    model = fitted(search, trials=3)
    code = report_data(model).code
    X, y = table()
    said: dict = {"X": X, "y": y}
    exec(code, said)
    assert said["model"].search == search
    assert [t.config for t in said["model"].fitted_.trials] == [t.config for t in model.fitted_.trials]


def test_labels_in_the_call_keep_their_infinities():
    from seasoned import Metric
    from seasoned.report.model.code import literal

    assert literal(Metric("f1", positive="(30.0, inf]")) == "Metric(metric='f1', positive='(30.0, inf]')"
    assert literal((1.0, np.inf)) == '(1.0, float("inf"))'


def test_a_killed_run_goes_on_only_under_the_same_ranges(tmp_path, monkeypatch):
    monkeypatch.setenv("SEASONED_CACHE", str(tmp_path))
    from seasoned.tabular.fit.description import textual_settings  # what tells one run from another
    from seasoned.tabular.fit.parameters import settings_of
    from seasoned.tabular.input.sample_roles import Roles

    def text(**given):
        settings = settings_of(AutoRegressor(search=SearchSettings(["tree"], **given)))
        return textual_settings(settings, "regression", None, Roles(), None)

    assert text() == text(spaces={}, starts=[])
    assert text(spaces={"tree": {"max_depth": 3}}) == text(spaces={"tree": Space(max_depth=Categorical([3]))})
    assert text() != text(spaces={"tree": {"max_depth": 3}}) != text(spaces={"tree": {"max_depth": 4}})
    assert text() != text(starts=[{"tree": {}}]) != text(starts=[{"tree": {"max_depth": 4}}])
