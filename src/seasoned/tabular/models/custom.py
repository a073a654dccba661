"""Custom model families: a scikit-learn estimator and the space of its parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from seasoned.errors import InvalidInput
from seasoned.space import Choice, Space
from seasoned.tabular.safe_files import skops_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seasoned.tabular.input.target import Task
    from seasoned.tabular.models._common.base import Job, Weights
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = ["CustomModel", "stored"]

# Estimators that a bundle can contain: they predict in numpy, or their trees are checked on load. Other estimators
# (support vectors, neighbour trees) follow indices from the file in compiled code. Foreign classes would execute
# foreign code.
_STORABLE: Final = (
    "ARDRegression", "BayesianRidge", "DecisionTreeClassifier", "DecisionTreeRegressor", "ElasticNet",
    "ExtraTreesClassifier", "ExtraTreesRegressor", "GaussianNB", "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor", "HuberRegressor", "Lasso", "LinearDiscriminantAnalysis", "LinearRegression",
    "LogisticRegression", "QuadraticDiscriminantAnalysis", "RandomForestClassifier", "RandomForestRegressor", "Ridge",
)  # fmt: skip


class CustomModel:
    """Model family from a scikit-learn estimator.

    Each trial clones the estimator and sets the parameters of the configuration. A `Choice` named `kernel` with the
    options `rbf=Space(gamma=...)` and `linear=Space()` sets `kernel`, and `gamma` for the option "rbf". A trial also
    sets an `n_jobs` of None to its number of threads, and every `random_state` of None to its seed, including the steps
    of a pipeline.

    Args:
        name: Name in configurations and on the leaderboard.
        estimator: Prototype, which is never fitted itself; a classifier needs `predict_proba`.
        space: Space of the estimator's parameters.
        diet: Input encoding: "dense" (scaled, no missing values, a column per level) or "codes" (NaN for missing
            values, levels as whole numbers).

    Raises:
        InvalidInput: If `diet` is unknown, or the estimator lacks `fit` or a parameter of the space.

    Example:
        >>> from sklearn.svm import SVR
        >>> from seasoned import Float, Space
        >>> CustomModel("svm", SVR(), Space(C=Float(0.01, 100, log=True))).name
        'svm'
    """

    def __init__(self, name: str, estimator: Any, space: Space, diet: Diet = "dense") -> None:
        if diet not in {"codes", "dense"}:
            raise InvalidInput(f"diet is {diet!r}; use 'dense' or 'codes'.")
        if isinstance(estimator, type) or not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
            raise InvalidInput(f"{estimator!r} is no scikit-learn estimator: it needs fit and get_params.")
        unknown = sorted(_names(space) - estimator.get_params().keys())
        if unknown:
            raise InvalidInput(f"{type(estimator).__name__} has no parameter {unknown[0]!r}; correct the space.")
        self.name = name
        self.diet: Diet = diet
        self.fits = True  # False for a fitted model restored from a file
        self._estimator = estimator
        self._space = space

    def __repr__(self) -> str:
        return f"CustomModel({self.name!r}, {self._estimator!r}, {self._space!r}, {self.diet!r})"

    def space(self, task: Task) -> Space:
        """Return the space of the constructor.

        Raises:
            InvalidInput: If the estimator does not suit the task, or has no `predict_proba` for classes.
        """
        from sklearn.base import is_classifier

        kind = type(self._estimator).__name__
        if is_classifier(self._estimator) != (task != "regression"):
            raise InvalidInput(
                f"the model {self.name!r} ({kind}) does not fit the task, {task}; use another estimator."
            )
        if task != "regression" and not hasattr(self._estimator, "predict_proba"):
            raise InvalidInput(
                f"the model {self.name!r} ({kind}) has no predict_proba; wrap it in CalibratedClassifierCV."
            )
        return self._space

    def build(self, config: dict[str, Any], job: Job) -> Any:
        """Return a clone with the configuration's parameters."""
        from sklearn.base import clone

        estimator = clone(self._estimator)
        missing: dict[str, Any] = dict.fromkeys(_seeds(estimator), job.seed)
        if estimator.get_params(deep=False).get("n_jobs", 0) is None:
            missing["n_jobs"] = job.threads
        return estimator.set_params(**missing | _flat(config))

    def fit(
        self,
        estimator: Any,
        train: tuple[Any, Any],
        valid: tuple[Any, Any] | None,  # noqa: ARG002 - the protocol's signature
        seconds: float | None = None,  # noqa: ARG002
        weights: Weights | None = None,
    ) -> None:
        """Fit on (X, y), with the row weights if the estimator's `fit` has the argument `sample_weight`."""
        estimator.fit(*train, **({} if weights is None else {"sample_weight": weights[0]}))

    @property
    def seeded(self) -> bool:
        """True if the fit depends on the seed: a `random_state` is not fixed."""
        return bool(_seeds(self._estimator))

    @property
    def weighs(self) -> bool:
        """True if the estimator's `fit` has the argument `sample_weight`."""
        from sklearn.utils.validation import has_fit_parameter

        return bool(has_fit_parameter(self._estimator, "sample_weight"))

    def with_rounds(self, config: dict[str, Any], rounds: int | None) -> dict[str, Any]:  # noqa: ARG002
        """Return the configuration unchanged: the estimator has no rounds."""
        return config

    @property
    def storable(self) -> bool:
        """True if a bundle can contain the fitted estimator."""
        return _storable(self._estimator)

    def dump(self, estimator: Any) -> bytes:
        """Serialise as a skops archive.

        Raises:
            InvalidInput: If a bundle cannot contain this estimator safely.
        """
        if not _storable(estimator):
            raise InvalidInput(
                f"the model {self.name!r} ({type(estimator).__name__}) cannot be saved: a bundle holds no foreign "
                "code; fit without it to save, or keep this model in memory."
            )
        data = skops_file.dump(estimator)
        try:
            self.load(data)
        except InvalidInput as error:  # an unsafe or unsupported object in the archive
            raise InvalidInput(
                f"the model {self.name!r} ({type(estimator).__name__}) cannot be saved: {error}"
            ) from None
        return data

    def load(self, data: bytes) -> Any:
        """Deserialise a skops archive after a check."""
        return skops_file.load(data, _STORABLE)


def stored(name: str, diet: Diet) -> CustomModel:
    """Family of a loaded model from a bundle: it deserialises and predicts, but cannot fit."""
    from sklearn.dummy import DummyRegressor

    model = CustomModel(name, DummyRegressor(), Space(), diet)
    model.fits = False
    return model


def _storable(estimator: Any) -> bool:
    """True for an estimator of `_STORABLE` without settings that would add other objects to the archive."""
    kind, given = type(estimator), estimator.get_params(deep=False)
    levels, scoring = given.get("categorical_features"), given.get("scoring", "loss")
    plain = (levels is None or _is(levels, "from_dtype")) and _is(scoring, "loss")
    return kind.__name__ in _STORABLE and kind.__module__.startswith("sklearn.") and plain


def _is(value: Any, word: str) -> bool:
    """True if the value is this string; False for an array."""
    return isinstance(value, str) and value == word


def _seeds(estimator: Any) -> list[str]:
    """Names of all `random_state` parameters, of nested estimators too, whose value is None."""
    given = estimator.get_params(deep=True)
    return [name for name, value in given.items() if name.rpartition("__")[2] == "random_state" and value is None]


def _names(space: Space) -> set[str]:
    """Names of all parameters that some configuration sets."""
    found = set(space.parameters)
    for parameter in space.parameters.values():
        if isinstance(parameter, Choice):
            found |= {name for inner in parameter.options.values() for name in _names(inner)}
    return found


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten a configuration: a choice becomes its option's name, next to the parameters of the option."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if hasattr(value, "items"):
            ((option, inner),) = value.items()
            found |= {name: option} | _flat(inner)
        else:
            found[name] = value
    return found
