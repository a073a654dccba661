"""Arguments of other libraries: an error names our argument instead."""

from __future__ import annotations

import inspect

import pytest

from seasoned import AutoClassifier, Float, Space, Study, maximize, minimize
from seasoned._util.equivalents import ARGUMENTS, refuse_unknown, unknown_argument
from seasoned.study.minimize import Options

SPACE = Space(x=Float(0, 1))


def loss(config):
    return config["x"]


def optimize(**given):
    Study(SPACE).optimize(loss, **given)


def search(**given):
    minimize(loss, SPACE, **given)


def study(**given):
    Study(SPACE, **given)


@pytest.mark.parametrize(
    ("call", "given", "sentence"),
    [
        (optimize, {"n_trials": 5}, r"^Study\.optimize\(\) takes no n_trials=; write trials=100\.$"),
        (optimize, {"timeout": 5}, r"^Study\.optimize\(\) takes no timeout=; write time_limit=600\.$"),
        (optimize, {"trials": 3, "n_jobs": 2}, r"^Study\.optimize\(\) takes no n_jobs=; write workers=4\.$"),
        (optimize, {"catch": (ValueError,)}, "every exception of the objective is a failed trial"),
        (optimize, {"seed": 3}, r"takes no seed=; write seed= in Study\(\)\.$"),
        (study, {"directions": ["minimize"]}, r'^Study\(\) takes no directions=; write direction=\("minimize", "max'),
        (study, {"n_trials": 5}, r"^Study\(\) takes no n_trials=; write trials=100 in Study\.optimize\(\)\.$"),
        (study, {"pruner": None}, r"write fidelity=ASHA\(max=81\)\.$"),
        (study, {"samples": None}, r"^Study\(\) takes no samples=; did you mean sampler=\?$"),
        (study, {"label": "y"}, r"its arguments are space, sampler, storage"),
        (search, {"max_evals": 5}, r"^minimize\(\) takes no max_evals=; write trials=100\.$"),
        (search, {"random_state": 5}, r"write seed=0\.$"),
        (search, {"directions": ["minimize"]}, r"in Study\(\)\.$"),
    ],
)
def test_an_argument_of_another_library_is_answered_by_ours(call, given, sentence):
    with pytest.raises(TypeError, match=sentence):
        call(**given)


def test_surplus_positional_arguments_are_refused_with_their_names():
    with pytest.raises(
        TypeError, match=r"^Study\.optimize\(\) takes f by position; name what follows, such as trials="
    ):
        Study(SPACE).optimize(loss, 100)
    with pytest.raises(TypeError, match=r"^Study\(\) takes space by position"):
        Study(SPACE, "sqlite:///s.db")


def test_maximize_names_itself_in_its_errors():
    with pytest.raises(TypeError, match=r"^maximize\(\) takes no n_trials="):
        maximize(loss, SPACE, n_trials=5)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("time_budget", "AutoRegressor() takes no time_budget=; write time_limit=600."),
        ("seed", "AutoRegressor() takes no seed=; write random_state=0."),
        ("label", "AutoRegressor() takes no label=; write y=train['label'] in AutoRegressor.fit()."),
        (
            "device",
            "AutoRegressor() takes no device=: all models run on processors; workers= says on how many at once.",
        ),
    ],
)
def test_an_estimator_is_named_by_its_class_in_errors(name, sentence):
    assert str(unknown_argument("AutoRegressor", name, ARGUMENTS["AutoClassifier"])) == sentence


def test_the_listed_arguments_match_the_signatures():
    calls = {
        "Study": Study.__init__,
        "Study.optimize": Study.optimize,
        "AutoClassifier": AutoClassifier.__init__,
        "AutoClassifier.fit": AutoClassifier.fit,
    }
    assert {name: tuple(inspect.signature(call).parameters)[1:] for name, call in calls.items()} == ARGUMENTS
    assert {*ARGUMENTS["Study"], *ARGUMENTS["Study.optimize"]} - {"f", "space", "direction", "remaining"} == {
        *Options.__annotations__
    }


def test_a_decorated_function_keeps_its_signature():
    @refuse_unknown
    def scaled(x: float, *, by: float = 2.0) -> float:
        """A product."""
        return x * by

    assert scaled(3, by=4) == 12
    assert (scaled.__doc__, list(inspect.signature(scaled).parameters)) == ("A product.", ["x", "by"])
    with pytest.raises(TypeError, match=r"scaled\(\) takes no bye=; did you mean by=\?"):
        scaled(3, bye=4)
