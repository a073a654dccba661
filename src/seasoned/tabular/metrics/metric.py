"""Metric bound to a target: it maps truth and predictions to the loss that the search minimises."""

from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.metrics.decision_rule import decide
from seasoned.tabular.metrics.positive_class import Reason
from seasoned.tabular.metrics.vectorized import best_cut, counts_of, pinball

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["COST", "FUNCTION", "OF_ONE_CLASS", "QUANTILE", "Function", "Measure"]

COST: Final = "cost"
"""Scorer of a measure: the mean cost of the predicted labels, by a cost matrix."""
QUANTILE: Final = "quantile"
"""Scorer of a measure: the mean quantile (pinball) loss."""

FUNCTION: Final = "a function"
"""Scorer of a measure: the user's own function, which a bundle does not contain."""

OF_ONE_CLASS: Final = frozenset(
    {
        *("f1", "precision", "recall", "jaccard", "average_precision"),
        *("positive_likelihood_ratio", "neg_negative_likelihood_ratio"),
    }
)
"""Scorers of two classes whose value depends on the choice of the positive class."""

_ABSOLUTE: Final = frozenset({"neg_mean_absolute_error", "neg_median_absolute_error"})
_OF_EACH_CLASS: Final = frozenset(
    {"roc_auc", "roc_auc_ovr", "roc_auc_ovr_weighted", "roc_auc_ovo", "roc_auc_ovo_weighted", "average_precision"}
)
_LEAST_SHARE: Final = 1e-9  # lower bound of predictions in a deviance, as a share of the mean absolute target
_RELATIVE: Final = "neg_mean_absolute_percentage_error"

Needs = Literal["label", "proba", "scorer"]


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """Metric function of the user.

    Attributes:
        call: `call(y, predicted)`, or `call(estimator, X, y)` for a scorer.
        needs: Input of the function: labels, probabilities, or the estimator of a scorer.
        labels: The user's labels by class code, shape (classes,); empty for regression.
        sign: -1 for a scorer that negates an error, otherwise 1.
    """

    call: Callable[..., Any]
    needs: Needs
    labels: NDArray[Any]
    sign: int = 1

    @property
    def weighs(self) -> bool:
        """True if the function takes `sample_weight`, unless a scorer refuses it with `set_score_request`."""
        routing = getattr(self.call, "get_metadata_routing", None)
        if routing is not None and routing().score.requests.get("sample_weight") is False:
            return False
        return _takes_weights(getattr(self.call, "_score_func", self.call))

    def value(
        self, y: NDArray[Any], predicted: NDArray[np.float64], positive: int, weight: NDArray[np.float64] | None = None
    ) -> Any:
        """Return the value of the function for the user's labels, without the negation of a scorer.

        Args:
            y: Class codes or numbers, shape (n,).
            predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
            positive: Code of the class whose probabilities, shape (n,), a function of two classes receives.
            weight: Row weights, shape (n,), for a function that takes `sample_weight`.
        """
        options = {} if weight is None else {"sample_weight": weight}
        truth = self.labels[y] if len(self.labels) else y
        if self.needs == "scorer":
            return self.sign * self.call(_answers(predicted, self.labels), np.zeros((len(y), 1)), truth, **options)
        if not len(self.labels):
            return self.call(truth, predicted, **options)
        if self.needs == "label":
            return self.call(truth, self.labels[np.argmax(predicted, axis=1)], **options)
        return self.call(truth, predicted[:, positive] if len(self.labels) == 2 else predicted, **options)


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """Metric bound to one target.

    Attributes:
        name: Display name, such as "roc_auc" or "rmse".
        scorer: Name of a scikit-learn scorer, "kappa", `COST`, `QUANTILE` or `FUNCTION`.
        n_classes: Number of classes; 0 for regression.
        positive: Code of the positive class of two; precision, recall, similar metrics and curves refer to it.
        greater_is_better: True if a higher `score` is better.
        function: The user's function; None for a named metric, and after loading.
        costs: costs[true, predicted] of the scorer `COST`, shape (classes, classes).
        at_best_cut: True if the metric is computed at the best threshold on the scored rows, for a search whose
            threshold is selected at the end. Only for two classes and a scorer in `TUNABLE`.
        quantile: Quantile of the scorer `QUANTILE`, between 0 and 1.
        positive_reason: Rule that selected the positive class.
    """

    name: str
    scorer: str
    n_classes: int
    positive: int = 1
    greater_is_better: bool = True
    function: Function | None = None
    costs: NDArray[np.float64] | None = None
    at_best_cut: bool = False
    quantile: float | None = None
    positive_reason: Reason = Reason.LAST

    @property
    def absolute(self) -> bool:
        """True if the metric counts absolute errors, so that the best prediction of a row is its median."""
        return self.scorer in _ABSOLUTE or self.relative

    @property
    def relative(self) -> bool:
        """True if an error counts relative to the true number."""
        return self.scorer == _RELATIVE

    @property
    def of_labels(self) -> bool:
        """True if the metric scores labels rather than probabilities, so that the decision rule matters."""
        if not self.n_classes or self.costs is not None:
            return False
        if self.scorer == FUNCTION:
            if self.function is None:  # lost on loading; the function may have scored labels
                return True
            needs, call = self.function.needs, self.function.call
            asks = getattr(call, "_response_method", "predict") if needs == "scorer" else None
            return needs == "label" or str(asks) == "predict"
        return str(_scorer(self.scorer, self.n_classes)._response_method) == "predict"  # noqa: SLF001

    @property
    def weighs(self) -> bool:
        """True if the metric supports row weights."""
        if self.costs is not None or self.quantile is not None:
            return True
        if self.scorer == FUNCTION:
            return self.function is not None and self.function.weighs
        one_vs_one = "_ovo" in self.scorer and self.n_classes > 2  # without weights in scikit-learn
        return not one_vs_one and _takes_weights(_scorer(self.scorer, self.n_classes)._score_func)  # noqa: SLF001

    def loss(self, y: NDArray[Any], predicted: NDArray[np.float64], weight: NDArray[np.float64] | None = None) -> float:
        """Return the loss that the search minimises: the error itself, or the negative score.

        Args:
            y: Class codes or numbers, shape (n,).
            predicted: Probabilities, shape (n, classes), or numbers, shape (n,).
            weight: Row weights, shape (n,); ignored by a metric without support for weights.

        Raises:
            ValueError: If the metric is not defined on these rows, or the user's function fails.
            InvalidInput: If the metric is a user's function and the measure was loaded from a bundle.
        """
        weight = weight if weight is not None and self.weighs else None
        if self.quantile is not None:
            return float(np.average(pinball(predicted, y, self.quantile), weights=weight))
        if self.costs is not None:
            return float(np.average(self.costs[y, decide(predicted, self.costs)], weights=weight))
        if self.at_best_cut and len(np.unique(y)) == self.n_classes:
            return self._at_best_cut(y, predicted, weight)
        measured = self._by_name if self.scorer != FUNCTION else self._by_function
        value = measured(y, predicted, weight)
        return -value if self.greater_is_better else value

    def _at_best_cut(self, y: NDArray[Any], p: NDArray[np.float64], weight: NDArray[np.float64] | None) -> float:
        score = counts_of(self.scorer)
        assert score is not None, "only such metrics are tuned"
        mass = np.ones(len(y)) if weight is None else weight
        return -best_cut(p[:, self.positive], y == self.positive, mass, score)[1]

    def score(self, loss: float) -> float:
        """Return the metric in its usual sign for a loss."""
        return -loss if self.greater_is_better else loss

    def oriented(self, y: NDArray[Any], predicted: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return codes and predictions (classes on the last axis) with the positive class at 1, as in scikit-learn.

        Metrics that ignore the positive class get both unchanged: 1 - p may be rounded, which would change scores.
        """
        if self.n_classes == 2 and self.positive == 0 and self.scorer in OF_ONE_CLASS:
            return 1 - y, predicted[..., ::-1]
        return y, predicted

    def _by_name(self, y: NDArray[Any], predicted: NDArray[np.float64], weight: NDArray[np.float64] | None) -> float:
        y, predicted = self.oriented(y, predicted)
        if "log_error" in self.scorer:
            predicted = np.maximum(predicted, min(0.0, float(np.min(y))))  # lower ones may have no logarithm
        if "deviance" in self.scorer:
            predicted = np.maximum(predicted, _LEAST_SHARE * (np.abs(y).mean() or 1.0))  # undefined at 0
        if self.n_classes > 2 and self.scorer in _OF_EACH_CLASS and 1 < len(np.unique(y)) < self.n_classes:
            return self._over_classes(y, predicted, weight)
        scorer = _scorer(self.scorer, self.n_classes)
        options = {} if weight is None else {"sample_weight": weight}
        with warnings.catch_warnings():  # the rows may lack a class
            warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
            value = float(scorer(_answers(predicted, np.arange(self.n_classes)), np.zeros((len(y), 1)), y, **options))
        return -value if self.scorer.startswith("neg_") else value

    def _over_classes(self, y: NDArray[Any], p: NDArray[np.float64], weight: NDArray[np.float64] | None) -> float:
        """Return a metric that averages over classes or pairs of classes, for the classes that occur in the rows."""
        from sklearn.metrics import average_precision_score, roc_auc_score

        one = average_precision_score if self.scorer == "average_precision" else roc_auc_score
        mass, present = np.ones(len(y)) if weight is None else weight, np.unique(y)

        def against(label: int, others: NDArray[Any]) -> tuple[float, float]:
            rows = (y == label) | np.isin(y, others)
            score = one(y[rows] == label, p[rows, label], sample_weight=mass[rows])
            return float(score), float(mass[rows if "ovo" in self.scorer else y == label].sum())

        if "ovo" in self.scorer:  # the weight of a pair is its share of the rows, equal in both directions
            pairs = [against(a, np.array([b])) for a in present for b in present if a != b]
        else:
            pairs = [against(a, present[present != a]) for a in present]
        scores, masses = zip(*pairs, strict=True)
        return float(np.average(scores, weights=masses if "weighted" in self.scorer else None))

    def _by_function(
        self, y: NDArray[Any], predicted: NDArray[np.float64], weight: NDArray[np.float64] | None
    ) -> float:
        if self.function is None:
            raise InvalidInput(
                f"the metric {self.name!r} is a function, which a saved model does not hold; give it again with "
                "set_params(metric=...)."
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # each trial and each user's `score` would repeat them
                value = float(self.function.value(y, predicted, self.positive, weight))
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"the metric {self.name!r} failed with {type(error).__name__}: {reason}") from error
        if math.isnan(value):
            raise ValueError(f"the metric {self.name!r} gave nan")
        return value


def _takes_weights(function: Any) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return False


def _scorer(name: str, n_classes: int) -> Any:
    """Return a scikit-learn scorer; losses of probabilities get all classes, because the rows may lack one."""
    from sklearn.metrics import brier_score_loss, cohen_kappa_score, get_scorer, log_loss, make_scorer

    if name == "kappa":
        return make_scorer(cohen_kappa_score)
    if name in {"neg_log_loss", "neg_brier_score"}:
        loss = log_loss if name == "neg_log_loss" else brier_score_loss
        return make_scorer(loss, greater_is_better=False, response_method="predict_proba", labels=range(n_classes))
    return get_scorer(name)


def _answers(predicted: NDArray[np.float64], labels: NDArray[Any]) -> Any:
    """Return a stand-in for a fitted estimator that returns stored predictions to a scorer."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Regressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: ARG002 - the scorer's signature
            return predicted

    class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
        classes_ = labels

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, X: Any) -> NDArray[Any]:  # noqa: ARG002 - the scorer's signature
            return np.asarray(labels[np.argmax(predicted, axis=1)])

        def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: ARG002 - the scorer's signature
            return predicted

    return Classifier() if len(labels) else Regressor()
