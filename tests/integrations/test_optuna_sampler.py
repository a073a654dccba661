"""Samplers of ours in Optuna: conditional spaces, failures, many drivers, determinism."""

from __future__ import annotations

import doctest
import json
import math
import pickle
import subprocess
import sys

import optuna
import pytest

import seasoned.integrations.optuna as module
from seasoned import samplers
from seasoned.errors import InvalidInput
from seasoned.integrations.optuna import NOTE, SeasonedSampler
from seasoned.integrations.optuna_space import inner, outer, parameter_of, view_of
from seasoned.samplers import Bayes, Genetic, Grid, Random, Sobol
from seasoned.trials import WarmStart

SAMPLERS = [
    kind()
    for kind in (getattr(samplers, name) for name in samplers.__all__)
    if kind not in (samplers.Sampler, samplers.Suggestion)
]
COMPLETE = optuna.trial.TrialState.COMPLETE


@pytest.fixture(autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def conditional(trial):
    """A categorical with branches, one inside another, an integer that says how many, a grid, a log scale."""
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam", None])
    units = [trial.suggest_int(f"units.{layer}", 4, 64, step=4) for layer in range(trial.suggest_int("layers", 1, 3))]
    value = (math.log10(lr) + 2) ** 2 + sum((unit - 32) ** 2 for unit in units) / 1000
    if optimizer == "sgd":
        return value + trial.suggest_float("momentum", 0, 1) ** 2
    if optimizer == "adam":
        free = trial.suggest_categorical("free", [True, False])
        return value + (trial.suggest_float("beta", 0, 1, step=0.25) if free else 0.5)
    return value + 1


def study_of(sampler, **options):
    return optuna.create_study(sampler=sampler, **options)


def test_a_trial_that_ends_early_counts_at_its_suggested_point():
    """It counted as a failure of the defaults, which the search then kept away from."""

    def objective(trial):
        if trial.number in (3, 4, 5):
            raise RuntimeError("no GPU")
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 7:
            raise optuna.TrialPruned
        return (x - 0.5) ** 2 + trial.suggest_float("y", 0, 1)

    sampler = SeasonedSampler(Bayes(), seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=10, catch=(RuntimeError,))
    study.ask().suggest_float("x", 0, 1)  # the sampler hears of all before it
    seen = sampler._fold.state.seen
    note = json.loads(study.trials[7].system_attrs[NOTE])["params"]
    (told,) = [seen.unit[place] for place in range(len(seen)) if seen.failed[place]]
    assert list(told) == pytest.approx([note["x"], note["y"]])
    assert len(seen) == 7, "of those that raised at once nothing is known"


def test_a_failed_trial_without_parameters_is_left_out():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    sampler = study.sampler = SeasonedSampler(Bayes(), seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert not sampler._fold.state.seen.failed.any()


@pytest.mark.skipif(not hasattr(optuna.trial.Trial, "set_constraint"), reason="of Optuna 5")
def test_each_named_constraint_has_a_place_of_its_own():
    def objective(trial):
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            trial.set_constraint("mem", -1.0)
        else:
            trial.set_constraint("time", 5.0)
        return trial.suggest_float("x", 0, 1)

    sampler = SeasonedSampler(Bayes(initial=4), seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=12)
    study.ask().suggest_float("x", 0, 1)
    found = sampler._fold.state.seen.constraints
    kinds = [trial.params["kind"] for trial in study.trials[:12]]
    first = {"mem": "a", "time": "b"}[sampler._fold.constraints[0]]
    assert found.shape == (12, 2)
    assert [int(math.isnan(row[0])) for row in found] == [int(kind != first) for kind in kinds]
    assert [int(math.isnan(row[1])) for row in found] == [int(kind == first) for kind in kinds]


def params_of(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_every_sampler_searches_a_conditional_space(sampler):
    study = study_of(SeasonedSampler(sampler, seed=1))
    study.optimize(conditional, n_trials=14)
    assert all(trial.state is COMPLETE for trial in study.trials)
    assert any(NOTE in trial.system_attrs for trial in study.trials)
    assert len({str(params) for params in params_of(study)}) > 7


def test_the_tree_of_conditional_parameters_is_found():
    study = study_of(SeasonedSampler(Random(), seed=1))
    study.optimize(conditional, n_trials=60)
    view = view_of([(trial.params, trial.distributions) for trial in study.trials])
    assert view.parents["momentum"] == ("optimizer", frozenset({0}))
    assert view.parents["free"] == ("optimizer", frozenset({1}))
    assert view.parents["beta"] == ("free", frozenset({0}))
    assert view.loose == {"units.1", "units.2"}
    for trial in study.trials:
        config = view.config(trial.params)
        assert view.space.contains(config)
        back = view.params(config)
        assert {name: back[name] for name in trial.params} == pytest.approx(trial.params)
        assert set(back) - set(trial.params) <= view.loose


def test_all_parameters_of_a_known_space_come_from_the_sampler():
    study = study_of(SeasonedSampler(Genetic(), seed=3))
    study.optimize(conditional, n_trials=60)
    view = view_of([(trial.params, trial.distributions) for trial in study.trials[:40]])
    for trial in study.trials[50:]:
        note = json.loads(trial.system_attrs[NOTE])["params"]
        suggested = {name: view.distributions[name].to_external_repr(value) for name, value in note.items()}
        assert {name: suggested[name] for name in trial.params} == trial.params


def test_bayes_learns_from_trials_in_optunas_storage():
    """Bayes on a parabola in 2-D: 30 trials come closer than 1e-2, of which random search is 10 times short."""
    study = study_of(SeasonedSampler(Bayes(), seed=0), direction="maximize")
    study.optimize(
        lambda t: -((t.suggest_float("x", -5, 5) - 1) ** 2) - (t.suggest_float("y", -5, 5) + 2) ** 2, n_trials=30
    )
    assert study.best_value > -1e-2


def test_a_seed_determines_the_trials_in_optuna():
    studies = [study_of(SeasonedSampler(Genetic(), seed=seed)) for seed in (5, 5, 6)]
    for study in studies:
        study.optimize(conditional, n_trials=20)
    assert params_of(studies[0]) == params_of(studies[1])
    assert params_of(studies[0]) != params_of(studies[2])


def test_resuming_in_another_process_gives_the_same_trials(tmp_path):
    whole = study_of(SeasonedSampler(Genetic(), seed=5))
    whole.optimize(conditional, n_trials=16)
    url = f"sqlite:///{tmp_path}/optuna.db"
    for goal in (5, 11, 16):
        study = study_of(SeasonedSampler(Genetic(), seed=5), storage=url, study_name="s", load_if_exists=True)
        study.optimize(conditional, n_trials=goal - len(study.trials))
    assert params_of(study) == params_of(whole)


def test_failed_pruned_and_infinite_trials_are_no_obstacle():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number % 4 == 1:
            raise ValueError("no")
        if trial.number % 4 == 2:
            trial.report(x, 1)
            raise optuna.TrialPruned
        y = trial.suggest_float("y", 0, 1)
        return math.inf if trial.number % 4 == 3 else x + y

    for sampler in (Bayes(), Genetic()):
        study = study_of(SeasonedSampler(sampler, seed=1))
        study.optimize(objective, n_trials=20, catch=(ValueError,))
        assert len(study.trials) == 20
        assert math.isfinite(study.best_value)


def test_a_study_of_failures_alone_goes_on():
    study = study_of(SeasonedSampler(Bayes(), seed=1))

    def objective(trial):
        trial.suggest_float("x", 0, 1)
        raise ValueError("no")

    study.optimize(objective, n_trials=5, catch=(ValueError,))
    assert len({trial.params["x"] for trial in study.trials}) == 5


def test_a_growing_space_is_followed():
    study = study_of(SeasonedSampler(Genetic(), seed=1))
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=10)
    study.optimize(lambda t: t.suggest_float("x", -1, 2) + t.suggest_int("k", 0, 3), n_trials=20)
    assert min(trial.params["x"] for trial in study.trials) < 0
    assert max(trial.params["x"] for trial in study.trials[10:]) > 1


def test_parameters_with_one_value_and_enqueued_trials_are_accepted():
    study = study_of(SeasonedSampler(Genetic(), seed=1))
    study.enqueue_trial({"x": 0.25})
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_int("one", 3, 3), n_trials=8)
    assert study.trials[0].params == {"x": 0.25, "one": 3}
    assert all(trial.params["one"] == 3 for trial in study.trials)


@pytest.mark.parametrize("sampler", [Genetic(), Bayes()], ids=["genetic", "bayes"])
def test_threads_share_a_study_of_optuna(sampler):
    study = study_of(SeasonedSampler(sampler, seed=1))
    study.optimize(conditional, n_trials=16, n_jobs=4)
    assert sorted(trial.number for trial in study.trials) == list(range(16))
    assert all(trial.state is COMPLETE for trial in study.trials)


def test_running_trials_of_others_are_pending(tmp_path):
    """Two drivers that ask before either tells get different points, though the sampler would choose the same."""
    url = f"sqlite:///{tmp_path}/optuna.db"
    drivers = [
        study_of(SeasonedSampler(Bayes(), seed=4), storage=url, study_name="s", load_if_exists=True) for _ in range(2)
    ]
    space = {"x": optuna.distributions.FloatDistribution(0, 1), "k": optuna.distributions.IntDistribution(0, 5)}
    for _ in range(6):
        trial = drivers[0].ask(space)
        drivers[0].tell(trial, (trial.params["x"] - 0.3) ** 2 + trial.params["k"])
    asked = [driver.ask(space) for _ in range(3) for driver in drivers]
    assert len({(trial.params["x"], trial.params["k"]) for trial in asked}) == 6
    for trial in asked:
        drivers[0].tell(trial.number, 1.0)


def test_a_running_trial_that_was_enqueued_is_pending_where_it_is(monkeypatch):
    found, pending = [], module.pending_trials
    monkeypatch.setattr(module, "pending_trials", lambda *given: found.append(pending(*given)) or found[-1])
    study = study_of(SeasonedSampler(Bayes(), seed=4))
    space = {"x": optuna.distributions.FloatDistribution(0, 1)}
    for _ in range(3):
        trial = study.ask(space)
        study.tell(trial, trial.params["x"])
    study.enqueue_trial({"x": 0.125})
    assert study.ask(space).params["x"] == 0.125
    study.ask(space)
    (event,) = found[-1]
    assert list(event.config.values()) == [0.125]


def test_the_sampler_searches_several_objectives():
    study = study_of(SeasonedSampler(Genetic(), seed=1), directions=["minimize", "maximize"])
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.params["x"] - t.suggest_float("y", 0, 1)), n_trials=30)
    assert len(study.best_trials) > 1
    assert min(trial.params["y"] for trial in study.best_trials) < 0.1


def test_constraints_reach_optuna_and_the_sampler():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("limit", 0.5 - x)
        return x

    study = study_of(SeasonedSampler(Genetic(), seed=2, constraints_func=lambda t: (t.user_attrs["limit"],)))
    study.optimize(objective, n_trials=50)
    assert study.best_trial.params["x"] >= 0.5
    late = [trial.params["x"] >= 0.5 for trial in study.trials[-20:]]
    assert sum(late) > 10  # what minimises without the constraint goes below
    with pytest.raises(InvalidInput, match="NaN"):
        study_of(SeasonedSampler(Random(), constraints_func=lambda t: (math.nan,))).optimize(objective, n_trials=1)


def test_the_end_of_a_grid_stops_the_study():
    study = study_of(SeasonedSampler(Grid(), seed=1))
    study.optimize(lambda t: len(t.suggest_categorical("kind", ["a", "bb", "ccc"])), n_trials=30)
    assert len(study.trials) == 5  # one before the space is known, the three of the grid, and the one that stops
    assert {trial.params["kind"] for trial in study.trials} == {"a", "bb", "ccc"}
    by_hand = study.ask({"kind": optuna.distributions.CategoricalDistribution(["a", "bb", "ccc"])})
    assert by_hand.params["kind"] in {"a", "bb", "ccc"}


def test_a_sampler_begins_anew_in_another_study():
    sampler = SeasonedSampler(Genetic(), seed=1)
    first = study_of(sampler, study_name="a")
    first.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=6)
    second = study_of(sampler, study_name="b")
    second.optimize(lambda t: t.suggest_float("z", 5, 6), n_trials=6)
    assert set(second.best_params) == {"z"}


def test_the_sampler_can_be_pickled_and_has_a_default():
    sampler = pickle.loads(pickle.dumps(SeasonedSampler(seed=3)))
    study = study_of(sampler)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    assert len(study.trials) == 3


def test_the_sampler_refuses_a_warm_start():
    with pytest.raises(InvalidInput, match="enqueue_trial"):
        SeasonedSampler(Sobol(warm_start=WarmStart(configurations=({"x": 1},))))


def test_resolutions_by_name_are_refused_before_the_study():
    with pytest.raises(InvalidInput, match="Grid has resolutions for lr"):
        SeasonedSampler(Grid(resolution={"lr": 5}))
    study = optuna.create_study(sampler=SeasonedSampler(Grid(resolution=3)))
    study.optimize(lambda trial: trial.suggest_float("lr", 0.0, 1.0), n_trials=9)
    assert {0.0, 0.5, 1.0} <= {trial.params["lr"] for trial in study.trials}


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (optuna.distributions.FloatDistribution(-1, 2), (-1.0, 0.3, 2.0)),
        (optuna.distributions.FloatDistribution(1e-5, 1e-1, log=True), (1e-5, 1e-3)),
        (optuna.distributions.FloatDistribution(0.1, 0.7, step=0.1), (0.1, 0.4, 0.7)),
        (optuna.distributions.IntDistribution(1, 1000, log=True), (1, 31, 1000)),
        (optuna.distributions.IntDistribution(3, 19, step=4), (3, 7, 19)),
        (optuna.distributions.IntDistribution(-(2**50), 2**50), (-(2**50), 0, 2**50)),
        (optuna.distributions.CategoricalDistribution([None, True, 1.5, "x"]), (None, True, 1.5, "x")),
    ],
    ids=str,
)
def test_values_survive_the_mapping_to_our_parameters(distribution, values):
    parameter = parameter_of(distribution)
    for value in values:
        coordinate = parameter.to_unit(inner(distribution, value))
        assert outer(distribution, parameter.from_unit(coordinate)) == pytest.approx(value)
    for unit in (0.0, 0.37, 1.0):
        assert distribution._contains(distribution.to_internal_repr(outer(distribution, parameter.from_unit(unit))))


def test_the_example_of_the_sampler_runs():
    found = doctest.testmod(module)
    assert found.attempted >= 4
    assert found.failed == 0


def test_without_optuna_the_error_says_what_to_install():
    code = "import sys; sys.modules['optuna'] = None; import seasoned.integrations.optuna"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra" in run.stderr
    assert "pip install optuna" in run.stderr


def test_constraints_of_pruned_trials_are_kept_as_optuna_keeps_them():
    def objective(trial):
        trial.suggest_float("x", 0, 1)
        raise optuna.TrialPruned

    study = study_of(SeasonedSampler(Random(), seed=1, constraints_func=lambda t: (t.params["x"] - 0.5,)))
    study.optimize(objective, n_trials=3)
    assert [trial.system_attrs["constraints"] for trial in study.trials] == [
        [t.params["x"] - 0.5] for t in study.trials
    ]


@pytest.mark.parametrize("named", [False, True])
def test_an_infinite_constraint_is_violated(named):
    """Optuna refuses NaN alone."""

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if named and x < 0.5:
            trial.set_constraint("c", math.inf)
        return x

    constraints = None if named else (lambda trial: (math.inf if trial.params["x"] < 0.5 else -math.inf,))
    sampler = SeasonedSampler(Bayes(), seed=0, constraints_func=constraints)
    study = study_of(sampler)
    study.optimize(objective, n_trials=12)
    seen = sampler._fold.state.seen
    broken = seen.unit[:, 0] < 0.5
    assert broken.any()
    assert not seen.feasible[broken].any()
    assert seen.feasible[~broken].all()


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (optuna.distributions.IntDistribution(2, 2**40 + 1, log=True), [2, 2**40 + 1]),
        (optuna.distributions.FloatDistribution(1.0, 1.0 + 1e-10, log=True), [1.0, 1.0 + 1e-10]),
        (optuna.distributions.FloatDistribution(0.0, 1.0, step=1e-16), [0.0, 0.5, 1.0]),
        (optuna.distributions.IntDistribution(0, 2**60, step=4), [0, 4, 2**60]),
    ],
    ids=str,
)
def test_values_of_ranges_that_only_optuna_has_survive_the_mapping(distribution, values):
    parameter = parameter_of(distribution)
    for value in values:
        found = outer(distribution, parameter.clean(inner(distribution, value), "it"))
        assert distribution._contains(distribution.to_internal_repr(found))
        assert found == pytest.approx(value, rel=1e-9)
    study = study_of(SeasonedSampler(Bayes(), seed=0))
    study.optimize(lambda trial: float(trial._suggest("p", distribution)), n_trials=4)
    assert all(trial.state == COMPLETE for trial in study.trials)


def test_unused_suggestions_do_not_make_a_trial_foreign(monkeypatch):
    told = []
    usual = Bayes.tell

    def tell(self, state, events):
        told.extend(event for event in events if hasattr(event, "config") and event.driver == "optuna")
        return usual(self, state, events)

    monkeypatch.setattr(Bayes, "tell", tell)

    def objective(trial):
        layers = trial.suggest_int("layers", 1, 4)
        units = [trial.suggest_float(f"units_{layer}", 0, 1) for layer in range(layers)]
        return sum(units) + layers

    study = optuna.create_study(sampler=SeasonedSampler(Bayes(), seed=0))
    study.optimize(objective, n_trials=30)
    noted = {trial.number: json.loads(trial.system_attrs[NOTE]) for trial in study.trials if NOTE in trial.system_attrs}
    mark = study.sampler._fold.view.mark  # tags are believed in the space that they were given in
    tagged = {number for number, note in noted.items() if note["tag"] and note["space"] == mark}
    last = {event.number: event for event in told}
    heard = {number for number, event in last.items() if event.tag}
    assert len(tagged & last.keys()) > 5
    assert tagged & last.keys() <= heard, "whatever it asked for, it asked for what was suggested"


def test_brackets_of_hyperband_share_one_state(monkeypatch):
    built, asked = [], []
    usual, ask = SeasonedSampler._built, Bayes.ask

    def _built(self, *given):
        built.append(1)
        return usual(self, *given)

    def counted(self, state, numbers):
        asked.append((len(state.seen.pending), list(numbers), max(state.seen.asked, default=-1)))
        return ask(self, state, numbers)

    monkeypatch.setattr(SeasonedSampler, "_built", _built)
    monkeypatch.setattr(Bayes, "ask", counted)

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(1, 10):
            trial.report(x + 1 / step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9, reduction_factor=3)
    study = optuna.create_study(sampler=SeasonedSampler(Bayes(), seed=0), pruner=pruner)
    study.optimize(objective, n_trials=25)
    assert sum(built) <= 3, "not anew at each change of bracket"
    assert all(before == number - 1 for _, (number,), before in asked), "no number is missing: nobody else asks"


def test_models_are_kept_between_asks(monkeypatch):
    fitted = []
    from seasoned.samplers.bayes import sampler as bayes

    usual = bayes.regress
    monkeypatch.setattr(bayes, "regress", lambda *given, **more: fitted.append(1) or usual(*given, **more))
    study = optuna.create_study(sampler=SeasonedSampler(Bayes(explore=1), seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=60)
    assert 0 < len(fitted) < 45
