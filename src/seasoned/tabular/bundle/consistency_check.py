"""Consistency check of a loaded bundle: its parts must belong to one model.

Each family checks its own file. This module checks the parts against each other. A bundle assembled from two valid
bundles is therefore refused at load time, not at prediction time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np

from seasoned.tabular.ensemble.fitted_model import places_below
from seasoned.tabular.models._common.log_target import Exponential, bare
from seasoned.tabular.preprocessing.category import CategoryColumn, ManyLevelsColumn
from seasoned.tabular.preprocessing.date import DateColumn
from seasoned.tabular.preprocessing.number import NumberColumn
from seasoned.tabular.preprocessing.text import TextColumn
from seasoned.tabular.schema.column import Kind
from seasoned.tabular.schema.schema import read
from seasoned.tabular.trial.featured_model import Featured
from seasoned.tabular.trial.seed_average import fits_of, shares_of
from seasoned.tabular.trial.stacked_features import width_of
from seasoned.trials import TrialState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seasoned.tabular.ensemble.fitted_model import Fitted, Member
    from seasoned.tabular.preprocessing.column_plan import ColumnPlan

__all__ = ["check_fitted"]

_STATES: Final = frozenset({*(state.value for state in TrialState), "cut off"})
_TRIAL: Final = {"number": int, "model": str, "loss": Real, "seconds": Real, "error": str, "config": Mapping}
_ENCODERS: Final[Mapping[str, Any]] = {
    "numeric": NumberColumn,
    "boolean": NumberColumn,
    "category": CategoryColumn | ManyLevelsColumn,
    "text": TextColumn,
    "date": DateColumn,
}
_NUMBERS: Final = frozenset({"numeric", "boolean"})  # kinds of columns whose codes are numbers
_CLASSES: Final = {"regression": range(1), "binary": range(2, 3), "multiclass": range(3, 2**31)}


def check_fitted(fitted: Fitted) -> None:
    """Check the consistency of a loaded model: classes, weights, and the number of columns that each model takes.

    Raises:
        ValueError: If two parts do not fit together.
    """
    classes = fitted.classes
    _check_records(fitted)
    if len(classes) not in _CLASSES[fitted.task] or len(np.unique(classes)) != len(classes):
        raise ValueError(f"{len(classes)} classes are not what a {fitted.task} model has")
    weights = [member.weight for member in fitted.members]
    if not all(0 < weight <= 1 + 1e-9 for weight in weights) or not math.isclose(sum(weights), 1.0, abs_tol=1e-6):
        raise ValueError("the weights of its models do not sum to 1")
    widths = _widths(fitted.plan)
    _check_finish(fitted, widths["codes"])
    for member in fitted.members:
        shares = shares_of(member.estimator)
        if not all(share > 0 for share in shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares of the fits of its model {member.name!r} do not sum to 1")
        if places_below(member, fitted.members) is None:
            raise ValueError(f"a model that its model {member.name!r} is stacked on is missing")
        eaten = widths[member.model.diet] + width_of(member.base_configurations, len(classes))
        for fit in fits_of(member.estimator):
            _check_fit(fit, member, eaten, len(classes))


def _check_records(fitted: Fitted) -> None:
    """Check the types of the facts about the fit and its trials."""
    said = {"rows": int, "seconds": Real, "refitted": Real, "experience": Mapping}
    wrong = [name for name, kind in said.items() if not _is_a(getattr(fitted, name), kind)]
    if wrong:
        raise ValueError(f"its {wrong[0]!r} is of another type")
    numbers: set[int] = set()
    for trial in fitted.trials:
        strange = [name for name, kind in _TRIAL.items() if not _is_a(getattr(trial, name), kind)]
        strange += [name for name in ("elapsed", "predict_ms") if not _is_a(getattr(trial, name), Real)]
        if strange or trial.number is None or trial.model is None or trial.config is None:
            raise ValueError(f"{(strange or ['something'])[0]!r} of a trial is of another type")
        if trial.state not in _STATES or (trial.is_complete and trial.loss is None):
            raise ValueError(f"the trial {trial.number} has no state, or no loss")
        if trial.number in numbers:
            raise ValueError(f"the trial {trial.number} is there twice")
        if not all(_is_a(loss, Real) for loss in trial.losses):
            raise ValueError(f"the losses of the trial {trial.number} are no numbers")
        numbers.add(trial.number)


def _is_a(value: Any, kind: type) -> bool:
    """Check that a value is None or of the type. A boolean is no number."""
    return value is None or (isinstance(value, kind) and not isinstance(value, bool))


def _check_columns(plan: ColumnPlan) -> None:
    """Check that column descriptions are valid, and that each encoder is of its column's kind."""
    import pandas as pd

    names = [column.name for column in plan.schema.columns]
    if len(set(names)) != len(names) or not all(isinstance(name, str) for name in names):
        raise ValueError("its columns have no names, or two have the same")
    cell = pd.Series(["2020-01-31"], dtype="str")
    for column in plan.schema.columns:
        words = (column.format, column.reason, column.zone)
        if column.kind not in get_args(Kind) or not all(word is None or isinstance(word, str) for word in words):
            raise ValueError(f"its column {column.name!r} is of an unknown kind or style")
    for column, encoder in zip(plan.schema.used, plan.encoders, strict=True):
        if not isinstance(encoder, _ENCODERS.get(column.kind, ())):
            raise ValueError(f"the codes of its column {column.name!r} are those of another kind")  # noqa: TRY004
        if isinstance(encoder, CategoryColumn) and not _are_words(encoder.words):
            raise ValueError(f"the levels of its column {column.name!r} are no different words")
        if column.format is not None or column.zone is not None:  # raises for an unknown format or time zone
            encoder.codes(read(column, cell.rename(column.name)))


def _are_words(words: tuple[Any, ...]) -> bool:
    return all(isinstance(word, str) for word in words) and len(set(words)) == len(words)


def _check_fit(fit: Any, member: Member, eaten: int, classes: int) -> None:
    """Check that a member's estimator takes `eaten` columns and was fitted for this number of classes."""
    estimator = fit
    if isinstance(fit, Featured):  # engineered columns follow the columns of the table
        estimator, made, diet = fit.estimator, fit.made, member.model.diet
        eaten = made.extend(made.nothing(), np.zeros((0, eaten)), diet).shape[1]
    if isinstance(estimator, Exponential) and classes:
        raise ValueError(f"its model {member.name!r} learned logarithms of classes")
    estimator = bare(estimator)
    width = getattr(estimator, "n_features_in_", None)
    if width is not None and width != eaten:
        raise ValueError(f"its model {member.name!r} was fitted on another table")
    n_classes = None if member.own else getattr(estimator, "n_classes", None)
    known = getattr(estimator, "classes_", None) if classes else None
    strange = known is not None and not _are_codes(np.asarray(known), classes)
    if strange or (n_classes is not None and n_classes != classes):
        raise ValueError(f"its model {member.name!r} was fitted on other classes")


def _are_codes(known: NDArray[Any], classes: int) -> bool:
    """Check that an estimator's labels are class codes from 0 to `classes` - 1."""
    return known.dtype.kind in "iuf" and known.ndim == 1 and bool(np.isin(known, np.arange(classes)).all())


def _check_finish(fitted: Fitted, width: int) -> None:
    """Check that postprocessing and intervals are for the same task and table as the members."""
    numbers, scale = fitted.task == "regression", None if fitted.conformal is None else fitted.conformal.scale
    if numbers and fitted.postprocessor.changes:
        raise ValueError("it calibrates numbers as if they were probabilities")
    if not numbers and (fitted.metric.quantile is not None or scale is not None):
        raise ValueError("its metric or its intervals are for numbers, and it predicts classes")
    decision = fitted.postprocessor.decision
    obeyed = None if decision is None or not decision.given else decision.costs
    asked = fitted.metric.costs
    if not (asked is obeyed if asked is None or obeyed is None else np.array_equal(asked, obeyed)):
        raise ValueError("it decides by other costs than those of its metric")
    if scale is not None and (scale.n_classes or scale.n_features_in_ != width + 1):
        raise ValueError("its scale of intervals was fitted on another table")


def _widths(plan: ColumnPlan) -> dict[str, int]:
    """Number of matrix columns by input format, computed on an empty table after the column plan is checked."""
    import pandas as pd

    used = plan.schema.used
    if [column.name for column in used] != [encoder.name for encoder in plan.encoders]:
        raise ValueError("its columns and their encoders are not the same")
    _check_columns(plan)
    kinds = {True: np.float64, False: object}
    empty = pd.DataFrame({column.name: np.array([], kinds[column.kind in _NUMBERS]) for column in used})
    canonical = plan.schema.apply(empty)
    if any(encoder.codes(canonical[encoder.name]).shape[1] != len(encoder.column_levels) for encoder in plan.encoders):
        raise ValueError("a column gives another number of codes than it says")
    scores = 0 if plan.scores is None else plan.scores.count
    levels = np.array(
        [*(levels for encoder in plan.encoders for levels in encoder.column_levels), *[0] * scores], dtype=np.int64
    )
    dense = plan.dense
    if dense.levels.tolist() != levels.tolist() or not (
        levels.shape == dense.centre.shape == dense.scale.shape == dense.gaps.shape
    ):
        raise ValueError("its scaling is that of another table")
    if any(not ((shown >= 0) & (shown < count)).all() for shown, count in zip(dense.shown, levels, strict=True)):
        raise ValueError("its scaling shows levels that are not there")
    if not (np.isfinite(dense.centre).all() and np.isfinite(dense.scale).all()):
        raise ValueError("its scaling holds numbers that are not finite")
    return {diet: matrix.shape[1] for diet, matrix in plan.matrices(empty, ["codes", "dense"]).items()}
