"""Argument names of other libraries: a call that uses such a name fails with a message that gives our name."""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

__all__ = ["did_you_mean", "family_of", "refuse_unknown", "rewritten_suggest", "unknown_argument"]

P = ParamSpec("P")
R = TypeVar("R")

ARGUMENTS: Final[Mapping[str, Sequence[str]]] = {
    "Study": ("space", "sampler", "storage", "name", "direction", "seed", "fidelity", "budget", "checkpoints"),
    "Study.optimize": (
        *("f", "trials", "time_limit", "workers", "trial_time_limit", "trial_memory", "callbacks", "progress", "stop"),
        "remaining",
    ),
    "AutoClassifier": (
        *("metric", "time_limit", "trials", "memory_limit", "workers", "validation", "experience", "search"),
        "random_state",
    ),
    "AutoClassifier.fit": ("X", "y", "sample_weight", "groups", "resume", "progress", "callbacks", "stop"),
}
"""Arguments of our public calls, by call: first the calls of studies, then the calls of tables."""

_EXAMPLES: Final[Mapping[str, str]] = {
    "trials=100": "n_trials max_evals n_calls num_samples max_trials num_trials n_iter max_iter maxiter iterations "
    "max_models",
    "time_limit=600": "timeout time_budget time_budget_s walltime_limit max_time max_time_mins max_runtime_secs "
    "time_left_for_this_task total_time_limit time_limit_s time_limit_seconds timeout_s max_time_s budget_time",
    "workers=4": "n_jobs n_workers num_workers max_concurrent_trials num_cpus",
    "progress=True": "show_progress_bar show_progressbar progress_bar verbose verbosity",
    "callbacks=[f]": "callback",
    "stop=f": "early_stop_fn stopper",
    'direction=("minimize", "maximize")': "directions",
    'direction="maximize"': "mode",
    'name="search"': "study_name",
    "fidelity=ASHA(max=81)": "pruner scheduler max_budget max_resource",
    "sampler=Bayes()": "algo search_alg base_estimator optimizer",
    "sampler=TPE(startup=10)": "n_startup_trials",
    "sampler=Bayes(warm_start=WarmStart(configurations=[...]))": "x0 points_to_evaluate",
    "f=loss": "fn func fun objective objective_function",
    "space=Space(...)": "dimensions bounds search_space param_space config_space param_distributions param_grid "
    "parametrization",
    "trial_time_limit=60": "trial_timeout trial_walltime_limit per_run_time_limit",
    "seed=0": "random_state random_seed rstate",
    "random_state=0": "seed random_seed session_id",
    "y=train['label']": "label target response_column y_train",
    "X=train": "data dataframe train_data training_frame X_train",
    "metric=Metric(positive='yes')": "positive positive_class pos_label",
    "metric='roc_auc'": "eval_metric scoring stopping_metric sort_metric",
    "validation=5": "cv n_splits nfolds num_bag_folds fold folds eval_method split_type resampling_strategy "
    "validation_strategy fold_strategy",
    "validation=[(range(n), range(n, n + m))]": "tuning_data X_val y_val eval_set validation_frame",
    "memory_limit='8GB'": "max_mem_size ml_memory_limit max_memory",
    "sample_weight='balanced'": "class_weight class_weights balance_classes",
    "sample_weight=weights": "sample_weights weights_column",
    "groups=customers": "group",
    "search=SearchSettings(models=['lightgbm', 'linear'])": "estimator_list algorithms included_model_types "
    "include_algos models",
    "search=SearchSettings(models=['-linear'])": "excluded_model_types exclude_algos exclude",
    "search=SearchSettings(spaces={'lightgbm': {'num_leaves': Int(8, 64)}})": "hyperparameters custom_hp",
    "search=SearchSettings(starts=[...])": "starting_points low_cost_init_value",
    "search=SearchSettings(layers=2)": "num_stack_levels auto_stack stack_ensembles layers",
    "search=SearchSettings(ensemble=10)": "ensemble_size ensemble",
    "search=SearchSettings(prefer='simple')": "refit_strategy one_standard_error",
    "search=SearchSettings(predict_limit=1.0)": "infer_limit pred_time_limit predict_limit",
}
"""Our arguments, each as an example of its use, with the names of other libraries for the same argument."""

_REMARKS: Final[Mapping[str, str]] = {
    "catch": "every exception of the objective is a failed trial, and the search goes on",
    "load_if_exists": "with storage= and name= a study of that name is opened, else created",
    "presets preset quality mode": "AutoClassifier(**seasoned.presets.best) unpacks a preset: fast, good or best; all "
    "families, weighted together, are the default, and more time_limit= means more work",
    "device gpu num_gpus use_gpu": "all models run on processors; workers= says on how many at once",
    "problem_type task ml_task": "AutoClassifier predicts classes and AutoRegressor numbers, by their names",
    "ignored_columns ignore_features drop_columns": "leave columns out of X, with X.drop(columns=[...])",
    "path results_path output_folder log_file_name": "save(path) writes the fitted model, when you ask",
    "cat_features categorical_features numeric_features": "kinds of columns are read from the table; a pandas column "
    "of dtype category, or of numbers, says its kind",
}
"""Argument names of other libraries without an equivalent here, with the explanation for the user."""


_SUGGEST: Final = re.compile(r"AttributeError: '\w+' object has no attribute 'suggest_(\w+)'")
_SUGGEST_CALL: Final = re.compile(r"suggest_(\w+)\(\s*[\"'](\w+)[\"']")
_KINDS: Final = {"int": "Int", "categorical": "Categorical"}

FAMILIES: Final[Mapping[str, str]] = {
    "lightgbm": "lgbm lgb gbm light_gbm",
    "xgboost": "xgb xgb_limitdepth",
    "catboost": "cat catb cb",
    "forest": "rf random_forest randomforest",
    "extra_trees": "xt et extratrees extra_tree",
    "histogram": "hgb hist histgb hist_gradient_boosting gradient_boosting",
    "neighbours": "knn kneighbors k_nearest_neighbors neighbors",
    "linear": "lr logistic logistic_regression ridge lasso lrl1 elasticnet",
    "mlp": "nn neural_network nn_torch fastai torch",
    "tree": "dt decision_tree",
    "splines": "gam ebm",
}
"""Our names of model families, with the names of other libraries in lower case."""


def family_of(name: str) -> str | None:
    """Return our name of a model family that another library names differently; None for an unknown name.

    Example:
        >>> family_of("LGBM"), family_of("magic")
        ('lightgbm', None)
    """
    return next((ours for ours, others in FAMILIES.items() if name.lower() in others.split()), None)


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the most similar known name as a question for the end of a message; empty without a similar name.

    Example:
        >>> did_you_mean("churn", ["Id", "Churn"]), did_you_mean("x", ["Id"])
        ("; did you mean 'Churn'?", '')
    """
    folded = {other.strip().casefold(): other for other in known}
    near = difflib.get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.7)
    return f"; did you mean {folded[near[0]]!r}?" if near else ""


def unknown_argument(callee: str, name: str, known: Collection[str]) -> TypeError:
    """Create the TypeError of a call with an unknown argument; the message gives our name of the argument.

    Args:
        callee: The call, as the user writes it, such as "Study.optimize".
        name: The argument's name.
        known: Names of the arguments of the call.

    Example:
        >>> print(unknown_argument("Study.optimize", "n_trials", ["f", "trials"]))
        Study.optimize() takes no n_trials=; write trials=100.
    """
    begin = f"{callee}() takes no {name}="
    examples = [example for example, names in _EXAMPLES.items() if name in names.split()]
    fitting = [example for example in examples if _argument(example) in known]
    if fitting:
        return TypeError(f"{begin}; write {fitting[0]}.")
    for names, remark in _REMARKS.items():
        if name in names.split():
            return TypeError(f"{begin}: {remark}.")
    for call in _calls_beside(callee):
        for example in [f"{name}=", *examples]:
            if _argument(example) in ARGUMENTS[call]:
                return TypeError(f"{begin}; write {example} in {_named(call, callee)}().")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}=?" if near else f"its arguments are {', '.join(known)}."
    return TypeError(f"{begin}; {hint}")


def _calls_beside(callee: str) -> list[str]:
    """Return the calls of `ARGUMENTS` that belong to the same task (studies or tables) as `callee`."""
    job = {"minimize": "Study", "maximize": "Study", "Study": "Study"}.get(callee.partition(".")[0], callee[:4])
    return [call for call in ARGUMENTS if call.startswith(job)]


def _argument(example: str) -> str:
    return example.partition("=")[0]


def _named(call: str, callee: str) -> str:
    """Return the name of a call on tables with the class that the user has."""
    return call.replace("AutoClassifier", callee.partition(".")[0])


def rewritten_suggest(reason: str, traceback: str | None) -> str | None:
    """Return the message for an objective written for Optuna, which calls `trial.suggest_*`; None for any other error.

    Args:
        reason: The error in one line.
        traceback: Traceback of the error; the name of the parameter is read from it.

    Example:
        >>> text = 'x = trial.suggest_float("lr", 1e-4, 1e-1)'
        >>> print(rewritten_suggest("AttributeError: 'dict' object has no attribute 'suggest_float'", text))
        the objective calls trial.suggest_float("lr", ...), as for Optuna: write Space(lr=Float(...)) and config["lr"].
    """
    asked = _SUGGEST.match(reason)
    if asked is None:
        return None
    kind = asked.group(1)
    calls = [name for each, name in _SUGGEST_CALL.findall(traceback or "") if each == kind]
    name = calls[-1] if calls else "x"
    declared = f"{name}={_KINDS.get(kind, 'Float')}(...)"
    return (
        f'the objective calls trial.suggest_{kind}("{name}", ...), as for Optuna: write Space({declared}) and '
        f'config["{name}"].'
    )


def refuse_unknown(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function, method or constructor: an unknown argument raises the error of `unknown_argument`.

    Signature, types and documentation of the function stay. The message for a method names the class of the object.

    Raises:
        TypeError: The decorated function got an unknown argument, or too many positional arguments.
    """
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "self"]
    by_place = [name for name, each in parameters.items() if each.kind is not each.KEYWORD_ONLY]
    is_method = len(known) < len(parameters)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        unknown = next((name for name in kwargs if name not in parameters), None)
        if unknown is not None:
            raise unknown_argument(_callee(function, args, is_method=is_method), unknown, known)
        if len(args) > len(by_place):
            shown, named = ", ".join(name for name in by_place if name != "self"), known[len(by_place) - is_method]
            callee = _callee(function, args, is_method=is_method)
            raise TypeError(f"{callee}() takes {shown} by position; name what follows, such as {named}=.")
        return function(*args, **kwargs)

    return checked


def _callee(function: Callable[..., Any], args: tuple[Any, ...], *, is_method: bool) -> str:
    """Return the call as the user writes it."""
    name = function.__name__
    if not is_method or not args:
        return name
    owner = type(args[0]).__name__
    return owner if name == "__init__" else f"{owner}.{name}"
