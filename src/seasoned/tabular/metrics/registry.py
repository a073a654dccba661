"""Which metric: a name, a scikit-learn scorer or a function, with the class that counts as positive."""

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
from seasoned.tabular.metrics.cost_matrix import cost_matrix, costs_from_plain, costs_to_plain
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
"""Metrics that are 0 for a constant prediction: the measured value is noise around 0, and no unit for gains."""
_DEFAULTS: Final[dict[str, str]] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
_SHORT: Final = {
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
_LONG: Final = {scorer: name for name, scorer in _SHORT.items()}
_MULTICLASS: Final = {
    "roc_auc": "roc_auc_ovr",
    **{name: f"{name}_macro" for name in ("f1", "precision", "recall", "jaccard")},
}
_MEANS: Final = frozenset({"average_precision"})  # for more than two classes a mean, which its name does not say
_PROBABILITIES: Final = {  # scikit-learn's functions of probabilities, as names
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
}  # columns of the leaderboard


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with what its name or function alone does not say.

    Attributes:
        metric: None for the usual metric of the task, beside `positive`; a name, a scikit-learn scorer, a function
            `f(y, predicted) -> number`, or a scorer function `f(estimator, X, y) -> number`. Functions get the user's
            own labels and, if they take `sample_weight`, the row weights that `fit` or `score` was given. A scorer
            function is called with stored predictions: its X is a column of zeros, so that it cannot look at features;
            row weights reach it as `sample_weight`.
        positive: The positive label of two: f1, precision, recall, average_precision and the like are about it, and so
            are thresholds, curves and explanations with any metric. By default it is chosen by rules (docs/tables.md).
            A function of probabilities gets those of this class, by default of the one sorted last.
        greater_is_better: For a function: whether it grows with quality. By default that is inferred from what it
            gives for perfect and for wrong predictions.
        costs: For the metric "cost", the mean cost of the chosen labels: pairs (true, predicted) -> cost, where
            pairs that are not named cost 0 if right and 1 if wrong; or a square matrix costs[true][predicted] in the
            order of `classes_`. `predict` gives the label with the lowest expected cost.
        needs: For a function where the target has classes: "label" for predicted labels, shape (n,); "proba" for
            probabilities, shape (n,) of the positive class if there are two, shape (n, classes) in the order of
            `classes_` otherwise.

    Raises:
        InvalidInput: If something is given that the metric knows by itself.

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
    """The metric where none is given: roc_auc (binary), log_loss (multiclass) or rmse (regression)."""
    return _DEFAULTS[task]


def metric_key(metric: Any) -> str:
    """Text that tells one declaration of a metric from another, in this process and the next."""
    if metric is None or isinstance(metric, str):
        return repr(metric)
    declared = metric if isinstance(metric, Metric) else Metric(metric)
    rest = (declared.positive, declared.greater_is_better, declared.needs, costs_to_plain(declared.costs))
    if declared.metric is None or isinstance(declared.metric, str):
        return repr((declared.metric, *rest))
    return repr((_name(declared.metric), code_digest(declared.metric), *rest))


def measure_key(measure: Measure) -> str:
    """Text that identifies what is minimised, in experience: the metric's name where that says it all.

    Two functions of users may have the same name, and each matrix of costs is a metric of its own. So is a metric at
    each model's best threshold, one whose positive class is the other one, a function that is an error, one of
    probabilities, and a mean over classes.
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
        return (measure.scorer if averaged else measure.name) + "#other" * other + "#cut" * measure.tuned
    return f"{measure.name}#{told}"


def to_plain(metric: Any) -> Any:
    """A metric as a bundle holds it: a name, or a name and its positive class; None for a function."""
    if not isinstance(metric, Metric):
        return metric if isinstance(metric, str) else None
    label = metric.positive.item() if isinstance(metric.positive, np.generic) else metric.positive
    plain = (metric.metric is None or isinstance(metric.metric, str)) and isinstance(label, bool | int | float | str)
    if metric.costs is not None:
        found = {"metric": COST, "costs": costs_to_plain(metric.costs)}
        return {**found, "positive": label} if plain else found
    return {"metric": metric.metric, "positive": label} if plain else to_plain(metric.metric)


def from_plain(stored: Any) -> Any:
    """What `to_plain` was given, as far as it was kept."""
    if not isinstance(stored, dict):
        return stored
    return Metric(**{**stored, "costs": costs_from_plain(stored.get("costs"))})


def resolve(
    metric: Any, task: Task, n_classes: int, classes: NDArray[Any] | None = None, y: NDArray[Any] | None = None
) -> Measure:
    """The metric bound to a target; by default roc_auc (binary), log_loss (multiclass) or rmse (regression).

    Args:
        metric: None, a name, a scorer, a function, or a `Metric`.
        task: What the target asks for.
        n_classes: Number of classes; 0 for regression.
        classes: The user's labels by code; 0, 1, ... by default.
        y: The target, so that a metric that is not defined on it is refused at once.

    Raises:
        InvalidInput: If there is no such metric, it does not fit the task, or it cannot be sent to the workers.

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
    """The metric of this target, not yet tried on an example."""
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
    """Our name of one of scikit-learn's functions of probabilities; None for another function."""
    known = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")
    return _PROBABILITIES.get(getattr(function, "__name__", "")) if known else None


def _of_probabilities(declared: Metric, found: Measure) -> Measure:
    """One of scikit-learn's functions of probabilities, known by its name; what the user says of it must be so."""
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
    scorer = _SHORT.get(name, name)
    if task == "multiclass":
        scorer = _MULTICLASS.get(scorer, scorer)
    if scorer not in known:
        near = difflib.get_close_matches(name.lower(), {*known, *_SHORT}, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]!r}? Otherwise use" if near else "use"
        raise InvalidInput(f"there is no metric {name!r}; {meant} {_USUAL}, or the name of a scikit-learn scorer.")
    shown = _LONG.get(name, name).removeprefix("neg_")
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
    """Whether the metric of perfect predictions is above that of wrong ones, or None and the reason."""
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
    """The positive class: as named, or by rules; functions of the user's own count on scikit-learn's, the last."""
    if declared.positive is not None:
        return Positive.named(declared.positive, task, labels)
    own = not isinstance(declared.metric, str) and _probability_metric(declared.metric) is None
    return Positive() if task != "binary" or own else Positive.chosen(labels, y)


def _checked(measure: Measure, task: Task, y: NDArray[Any] | None) -> Measure:
    """The measure; refuses at once what would fail in every trial, such as rmse for classes."""
    example, perfect, _ = _examples(measure.n_classes)
    try:
        if task != "regression" and _OF_NUMBERS.fullmatch(measure.scorer):
            raise ValueError("it measures numbers")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # degenerate on examples, perhaps, but defined
            measure.loss(example, perfect)
            if not measure.n_classes and measure.scorer != FUNCTION:  # whole numbers could also be class codes
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
    """How the target is taken in the other way."""
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
    """Whether it takes (estimator, X, y) rather than (y, predicted)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C: no scorer
        return False
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    needed = [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
    return len(needed) == 3 and "sample_weight" not in needed


def _name(function: Any) -> str:
    """A name for a function or a scorer that no other column of the leaderboard has."""
    if isinstance(function, str):
        return function
    inner = getattr(function, "_score_func", None) or getattr(function, "func", None) or function
    name = str(getattr(inner, "__name__", type(inner).__name__))
    return "metric" if name == "<lambda>" else f"metric {name}" if name in _TAKEN else name
