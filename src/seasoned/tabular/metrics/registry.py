"""Metric resolution: a name, a scikit-learn scorer or a function becomes a metric bound to the target."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import logging
import re
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.code_hash import code_digest
from seasoned.tabular.metrics.decision_rule import cost_matrix, costs_from_plain, costs_to_plain
from seasoned.tabular.metrics.metric import COST, FUNCTION, OF_ONE_CLASS, QUANTILE, Function, Measure
from seasoned.tabular.metrics.positive_class import Positive

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from seasoned.tabular.input.target import Task

__all__ = [
    "ZERO_BY_DEFINITION",
    "Metric",
    "from_plain",
    "measure_key",
    "metric_key",
    "resolve",
    "to_plain",
    "usual_metric",
]

logger = logging.getLogger("seasoned.tabular")

ZERO_BY_DEFINITION: Final = frozenset(
    {
        *("r2", "explained_variance", "d2_absolute_error_score", "d2_log_loss_score", "d2_brier_score"),
        *("kappa", "matthews", "cohen_kappa_score", "matthews_corrcoef", "r2_score", "explained_variance_score"),
        *("d2_tweedie_score", "d2_pinball_score"),
    }
)
"""Metrics that are 0 for a constant prediction: the measured value is noise around 0, and cannot scale gains."""
_DEFAULTS: Final[dict[str, str]] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_SCORERS: Final = {
    "log_loss": "neg_log_loss",
    "brier": "neg_brier_score",
    "matthews": "matthews_corrcoef",
    "kappa": "kappa",
    "rmse": "neg_root_mean_squared_error",
    "mse": "neg_mean_squared_error",
    "mae": "neg_mean_absolute_error",
    "median_ae": "neg_median_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "rmsle": "neg_root_mean_squared_log_error",
    "max_error": "neg_max_error",
}
_SHORT_NAMES: Final = {scorer: name for name, scorer in _SCORERS.items()}
_MULTICLASS: Final = {
    "roc_auc": "roc_auc_ovr",
    **{name: f"{name}_macro" for name in ("f1", "precision", "recall", "jaccard")},
}
_MEANS: Final = frozenset({"average_precision"})  # means over more than two classes, without "macro" in the name
_PROBABILITIES: Final = {  # scikit-learn's function of probabilities -> name of the metric
    "roc_auc_score": "roc_auc",
    "log_loss": "log_loss",
    "brier_score_loss": "brier",
    "average_precision_score": "average_precision",
}
_OF_NUMBERS: Final = re.compile(r"neg_.*(_error|_deviance)$|r2$|explained_variance$|d2_absolute_error_score$")
_USUAL: Final = (
    "roc_auc, log_loss, accuracy, balanced_accuracy, f1, average_precision, brier, rmse, mae, r2, mape, rmsle, "
    "quantile@0.9"
)
_QUANTILE: Final = re.compile(r"(?:quantile|pinball)@(0?\.[0-9]+)")
_TAKEN: Final = {
    "rank",
    "model",
    "spread",
    "weight",
    "seconds",
    "predict_ms",
    "state",
    "number",
    "config",
}  # other columns of the leaderboard, whose names a metric must not have


@dataclass(frozen=True, slots=True)
class Metric:
    """Metric with settings that a name or a function alone does not contain.

    Attributes:
        metric: The name of a metric, a scikit-learn scorer, a function `f(y, predicted) -> number`, or a scorer
            function `f(estimator, X, y) -> number`. None, with `positive` set, is the default metric of the task. A
            function receives the user's labels; if it takes `sample_weight`, it also receives the row weights of `fit`
            or `score`. A scorer function is called with stored predictions: its X is a column of zeros, so that it
            cannot read features.
        positive: The positive label of two classes. f1, precision, recall, average_precision and similar metrics refer
            to it; thresholds, curves and explanations refer to it with any metric. The default follows rules
            (docs/tables.md). A function of probabilities receives the probabilities of this class, by default of the
            last class in sorted order.
        greater_is_better: For a function, True if a higher value is better. The default is inferred from the values for
            perfect and for wrong predictions.
        costs: For the metric "cost", the mean cost of the predicted labels: a mapping (true, predicted) -> cost, or a
            square matrix costs[true][predicted] in the order of `classes_`. Pairs that the mapping lacks cost 0 if
            right and 1 if wrong. `predict` returns the label with the lowest expected cost.
        needs: For a function and a target with classes, the input of the function: "label" for predicted labels, shape
            (n,), or "proba" for probabilities. For two classes these are the probabilities of the positive class, shape
            (n,), otherwise all, shape (n, classes), in the order of `classes_`.

    Raises:
        InvalidInput: If `metric` or `needs` is invalid, `costs` and the metric "cost" are not used together, or a
            setting is passed that the metric determines itself.

    Example:
        >>> from seasoned import AutoClassifier, Metric
        >>> clf = AutoClassifier(Metric("f1", positive="yes"), time_limit=60)
        >>> def cost(y, predicted):
        ...     return float((y != predicted).mean())
        >>> clf = AutoClassifier(Metric(cost, greater_is_better=False))
        >>> clf = AutoClassifier(Metric("cost", costs={("ill", "well"): 20, ("well", "ill"): 1}))
    """

    metric: Any = None
    positive: Any = None
    greater_is_better: bool | None = None
    needs: Literal["label", "proba"] | None = None
    costs: Any = None

    def __post_init__(self) -> None:
        if (self.costs is not None) != (self.metric == COST):
            raise InvalidInput(
                f"the metric is {_name(self.metric)!r} and costs is {self.costs!r}; costs belong to "
                "Metric('cost', costs=...), and to no other."
            )
        usual = self.metric is None and self.positive is not None
        if not usual and not isinstance(self.metric, str) and not callable(self.metric):
            raise InvalidInput(
                f"the metric is {self.metric!r}; pass a name such as 'roc_auc', a scikit-learn scorer or a function."
            )
        if self.needs not in {None, "label", "proba"}:
            raise InvalidInput(f"needs is {self.needs!r}; use 'label' or 'proba'.")
        knows = usual or isinstance(self.metric, str) or _is_scorer(self.metric)
        if knows and (self.greater_is_better is not None or self.needs is not None):
            raise InvalidInput(
                f"{_name(self.metric or 'the usual metric')!r} knows its direction and what it needs; leave "
                "greater_is_better and needs out."
            )


def usual_metric(task: Task) -> str:
    """Return the default metric: roc_auc (binary), log_loss (multiclass) or rmse (regression)."""
    return _DEFAULTS[task]


def metric_key(metric: Any) -> str:
    """Return a text that identifies a declaration of a metric, in this process and in later ones."""
    if metric is None or isinstance(metric, str):
        return repr(metric)
    declared = metric if isinstance(metric, Metric) else Metric(metric)
    rest = (declared.positive, declared.greater_is_better, declared.needs, costs_to_plain(declared.costs))
    if declared.metric is None or isinstance(declared.metric, str):
        return repr((declared.metric, *rest))
    return repr((_name(declared.metric), code_digest(declared.metric), *rest))


def measure_key(measure: Measure) -> str:
    """Return a text that identifies the minimised loss in experience: the metric's name if the name determines it.

    Otherwise the text has further parts. A user's function or a cost matrix adds a digest. Marks denote an error, a
    function of probabilities, the first class as the positive one, and the best threshold of each model. A mean over
    classes has the name of its scorer.
    """
    if measure.costs is not None:
        told = hashlib.blake2b(measure.costs.astype(np.float64).tobytes(), digest_size=6).hexdigest()
    elif measure.function is not None:
        proba = "#proba" * (measure.function.needs == "proba")
        error = "#error" * (not measure.greater_is_better)
        about = "#other" * bool(proba and measure.n_classes == 2 and measure.positive == 0)
        told = code_digest(measure.function.call, 6) + proba + error + about
    elif measure.n_classes > 2 and measure.scorer in _MEANS:
        return f"{measure.scorer}_macro"
    else:
        averaged = measure.scorer.endswith("_macro")
        other = measure.positive == 0 and measure.scorer in OF_ONE_CLASS
        return (measure.scorer if averaged else measure.name) + "#other" * other + "#cut" * measure.at_best_cut
    return f"{measure.name}#{told}"


def to_plain(metric: Any) -> Any:
    """Return a metric as plain data for a bundle: a name, or a dict with its settings; None for a function."""
    if not isinstance(metric, Metric):
        return metric if isinstance(metric, str) else None
    label = metric.positive.item() if isinstance(metric.positive, np.generic) else metric.positive
    plain = (metric.metric is None or isinstance(metric.metric, str)) and isinstance(label, bool | int | float | str)
    if metric.costs is not None:
        found = {"metric": COST, "costs": costs_to_plain(metric.costs)}
        return {**found, "positive": label} if plain else found
    return {"metric": metric.metric, "positive": label} if plain else to_plain(metric.metric)


def from_plain(stored: Any) -> Any:
    """Return the metric that `to_plain` converted; a function is lost."""
    if not isinstance(stored, dict):
        return stored
    return Metric(**{**stored, "costs": costs_from_plain(stored.get("costs"))})


def resolve(
    metric: Any, task: Task, n_classes: int, classes: NDArray[Any] | None = None, y: NDArray[Any] | None = None
) -> Measure:
    """Return the metric bound to a target; by default roc_auc (binary), log_loss (multiclass) or rmse (regression).

    Args:
        metric: None, a name, a scorer, a function, or a `Metric`.
        task: Task of the target.
        n_classes: Number of classes; 0 for regression.
        classes: The user's labels by class code; 0, 1, ... by default.
        y: The target, shape (n,), for an early error if the metric is not defined on it.

    Raises:
        InvalidInput: If the metric is unknown, does not fit the task, or cannot be sent to the workers.

    Example:
        >>> resolve(None, "regression", 0).name
        'rmse'
    """
    declared = metric if isinstance(metric, Metric) else Metric(_DEFAULTS[task] if metric is None else metric)
    given = _DEFAULTS[task] if declared.metric is None else declared.metric
    declared = replace(declared, metric=given)
    labels = np.arange(n_classes) if classes is None else classes
    positive = _positive(declared, task, labels, y)
    found = replace(_bound(declared, task, labels, positive.code), positive_reason=positive.reason)
    return _checked(found, task, y) if found.scorer != COST else found


def _bound(declared: Metric, task: Task, labels: NDArray[Any], positive: int) -> Measure:
    """Return the metric of this target, before the check on an example."""
    if declared.costs is not None:
        return _cost(declared, task, labels, positive)
    n_classes = 0 if task == "regression" else len(labels)
    if isinstance(declared.metric, str):
        return _named(declared.metric, task, n_classes, positive)
    name = _probability_metric(declared.metric)
    if name is not None:
        return _of_probabilities(declared, _named(name, task, n_classes, positive))
    _check_travels(declared.metric)
    return _own(declared, task, labels, positive)


def _probability_metric(function: Any) -> str | None:
    """Return the metric's name for scikit-learn's functions of probabilities; None for any other function."""
    known = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")
    return _PROBABILITIES.get(getattr(function, "__name__", "")) if known else None


def _of_probabilities(declared: Metric, found: Measure) -> Measure:
    """Return the metric of a scikit-learn function of probabilities; refuse settings that contradict the metric."""
    name = _name(declared.metric)
    if declared.greater_is_better not in {None, found.greater_is_better}:
        better = "more" if found.greater_is_better else "less"
        raise InvalidInput(
            f"greater_is_better is {declared.greater_is_better}, but of {name!r} {better} is better; leave it out."
        )
    if declared.needs == "label":
        raise InvalidInput(f"needs is 'label', but {name!r} needs probabilities; leave it out.")
    return found


def _cost(declared: Metric, task: Task, labels: NDArray[Any], positive: int) -> Measure:
    if task == "regression":
        raise InvalidInput("the metric 'cost' is for classes, and the target is a number; use mae, or a function.")
    matrix = cost_matrix(declared.costs, labels)
    return Measure(COST, COST, len(labels), positive, greater_is_better=False, costs=matrix)


def _named(name: str, task: Task, n_classes: int, positive: int) -> Measure:
    from sklearn.metrics import get_scorer_names

    if name in {"quantile", "pinball"} or name.startswith(("quantile@", "pinball@")):
        return _quantile(name, task)

    known = {*get_scorer_names(), "kappa"}
    scorer = _SCORERS.get(name, name)
    if task == "multiclass":
        scorer = _MULTICLASS.get(scorer, scorer)
    if scorer not in known:
        near = difflib.get_close_matches(name.lower(), {*known, *_SCORERS}, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]!r}? Otherwise use" if near else "use"
        raise InvalidInput(f"there is no metric {name!r}; {meant} {_USUAL}, or the name of a scikit-learn scorer.")
    shown = _SHORT_NAMES.get(name, name).removeprefix("neg_")
    return Measure(shown, scorer, n_classes, positive, not scorer.startswith("neg_"))


def _quantile(name: str, task: Task) -> Measure:
    found = _QUANTILE.fullmatch(name)
    if found is None or not 0 < float(found[1]) < 1:
        raise InvalidInput(
            f"the metric {name!r} does not say which quantile; write it behind an @, as in 'quantile@0.9'."
        )
    if task != "regression":
        raise InvalidInput(
            f"the metric {name!r} is for numbers, and the target holds classes; choose another, or {_other(task)}."
        )
    quantile = float(found[1])
    return Measure(f"quantile@{quantile:g}", QUANTILE, 0, greater_is_better=False, quantile=quantile)


def _own(declared: Metric, task: Task, labels: NDArray[Any], positive: int) -> Measure:
    name = _name(declared.metric)
    if _is_scorer(declared.metric):
        if declared.positive is not None:
            raise InvalidInput(
                f"positive is {declared.positive!r}, but the scorer {name!r} knows by itself which class it is about; "
                "leave positive out and pass pos_label to make_scorer, or name the metric."
            )
        sign = int(getattr(declared.metric, "_sign", 1))
        function = Function(declared.metric, "scorer", labels, sign)
        return Measure(name, FUNCTION, len(labels), positive, sign > 0, function)
    needs = declared.needs or "label"
    if task == "regression" and declared.needs is not None:
        raise InvalidInput(f"needs is {needs!r}, and regression has neither labels nor probabilities; leave it out.")
    if needs == "label" and declared.positive is not None:
        raise InvalidInput(
            f"positive is {declared.positive!r}, but {name!r} gets labels and is to know by itself which is which; "
            "leave positive out, or pass needs='proba'."
        )
    measure = Measure(name, FUNCTION, len(labels), positive, True, Function(declared.metric, needs, labels))
    grows, why = _grows(measure)
    if declared.greater_is_better is None and grows is None:
        raise InvalidInput(
            f"it cannot be determined whether higher values of the metric {name!r} are better{why}; pass "
            f"Metric({name}, greater_is_better=True) or False, or for a metric of scikit-learn's its name, such as "
            "Metric('f1', positive=...)."
        )
    if grows is not None and declared.greater_is_better not in {None, grows}:
        logger.warning(
            "the metric %r contradicts greater_is_better: it rates wrong predictions better than perfect ones; check "
            "its direction.",
            name,
        )
    better = grows if declared.greater_is_better is None else declared.greater_is_better
    return Measure(name, FUNCTION, len(labels), positive, bool(better), measure.function)


def _grows(measure: Measure) -> tuple[bool | None, str]:
    """Return True if perfect predictions have a higher value than wrong ones, or None with the reason if unclear."""
    y, perfect, wrong = _examples(measure.n_classes)
    try:
        gap = measure.loss(y, wrong) - measure.loss(y, perfect)
    except (ValueError, TypeError) as error:
        return None, f" ({error})"
    return (None, "") if gap == 0 or np.isnan(gap) else (bool(gap > 0), "")


def _examples(n_classes: int) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """A target, perfect predictions, and predictions that are all wrong."""
    if not n_classes:
        y = np.arange(1.0, 9.0)
        return y, y, y[::-1].copy()
    codes = np.arange(4 * n_classes) % n_classes
    return codes, np.eye(n_classes)[codes], np.eye(n_classes)[(codes + 1) % n_classes]


def _positive(declared: Metric, task: Task, labels: NDArray[Any], y: NDArray[Any] | None) -> Positive:
    """Return the positive class: named or selected by rules; for a user's function the last, as in scikit-learn."""
    if declared.positive is not None:
        return Positive.named(declared.positive, task, labels)
    own = not isinstance(declared.metric, str) and _probability_metric(declared.metric) is None
    return Positive() if task != "binary" or own else Positive.chosen(labels, y)


def _checked(measure: Measure, task: Task, y: NDArray[Any] | None) -> Measure:
    """Return the measure; refuse a metric that would fail in every trial, such as rmse for classes."""
    example, perfect, _ = _examples(measure.n_classes)
    try:
        if task != "regression" and _OF_NUMBERS.fullmatch(measure.scorer):
            raise ValueError("it measures numbers")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a metric may be degenerate on the example, yet defined
            measure.loss(example, perfect)
            if not measure.n_classes and measure.scorer != FUNCTION:  # integers would also pass as class codes
                measure.loss(example, perfect + 0.25)
            if y is not None and not measure.n_classes:
                measure.loss(y, y)
    except (ValueError, TypeError, AttributeError) as error:
        if measure.scorer == FUNCTION:
            raise InvalidInput(f"{str(error).rstrip('.')}, for {_what(measure)}; correct it.") from error
        reason = " ".join(str(error).split()).rstrip(".")
        of_numbers = _OF_NUMBERS.fullmatch(measure.scorer) is not None
        other = f", or {_other(task)}" if of_numbers != (task == "regression") else ""
        raise InvalidInput(
            f"the metric {measure.name!r} does not fit a {task} target ({reason}); choose another{other}."
        ) from None
    return measure


def _other(task: Task) -> str:
    """Return the advice to choose the other task."""
    if task == "regression":
        return "take the numbers for classes (AutoClassifier, --task classification)"
    return "if it holds numbers, take it for such (AutoRegressor, --task regression)"


def _what(measure: Measure) -> str:
    if not measure.n_classes:
        return "arrays of numbers (y, predicted)"
    needs = measure.function.needs if measure.function else "label"
    return {"label": "arrays of labels", "proba": "labels and probabilities", "scorer": "a classifier"}[needs]


def _check_travels(function: Any) -> None:
    import cloudpickle

    try:
        cloudpickle.dumps(function)
    except Exception as error:
        raise InvalidInput(
            f"the metric {_name(function)!r} cannot be sent to the worker processes ({type(error).__name__}: {error}); "
            "keep locks, open files and connections out of what it refers to."
        ) from error


def _is_scorer(function: Callable[..., Any]) -> bool:
    """Return True if the function takes (estimator, X, y) rather than (y, predicted)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C: no scorer
        return False
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    needed = [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    return len(needed) == 3 and "sample_weight" not in needed


def _name(function: Any) -> str:
    """Return a name for a function or a scorer that no other column of the leaderboard has."""
    if isinstance(function, str):
        return function
    inner = getattr(function, "_score_func", None) or getattr(function, "func", None) or function
    name = str(getattr(inner, "__name__", type(inner).__name__))
    return "metric" if name == "<lambda>" else f"metric {name}" if name in _TAKEN else name
