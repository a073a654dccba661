"""Warnings about data that can be learned from and still look like a mistake. The fit continues."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from seasoned.tabular.metrics.metric import OF_ONE_CLASS
from seasoned.tabular.metrics.positive_class import Reason
from seasoned.tabular.models.custom import CustomModel
from seasoned.tabular.models.registry import MODELS, takes_weights
from seasoned.tabular.schema.identifiers import names_persons
from seasoned.tabular.validation.declared import is_fold_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model

__all__ = [
    "warn_of_groups",
    "warn_of_index",
    "warn_of_models",
    "warn_of_order",
    "warn_of_positive",
    "warn_of_time",
]

logger = logging.getLogger("seasoned.tabular")

_ROWS: Final = 20  # smallest number of values for a warning; with fewer, a pattern can be chance


def warn_of_order(X: Any, **beside: Any) -> None:
    """Warn if the target, weights or groups have the index of X in another order. Rows are paired by position.

    Args:
        X: The features.
        beside: Name -> the target, the weights or the groups.
    """
    for name, values in beside.items():
        _warn_of_order(X, values, name)


def _warn_of_order(X: Any, y: Any, name: str) -> None:
    import pandas as pd

    if not isinstance(X, pd.DataFrame) or not isinstance(y, pd.DataFrame | pd.Series) or len(X) != len(y):
        return
    if X.index.equals(y.index) or not X.index.is_unique or set(X.index) != set(y.index):
        return
    logger.warning(
        "X and %s have the same index in another order, and rows are paired by their position; pass %s.loc[X.index] if "
        "they belong together by the index.",
        name,
        name,
    )


def warn_of_models(models: Sequence[Model], roles: Roles, metric: Measure) -> None:
    """Warn before the search if weights were passed and the metric or a family takes none.

    Also warn if a user's own family cannot be saved in a file.
    """
    if roles.weights is not None:
        deaf = [model.name for model in models if not takes_weights(model)]
        if not metric.weighs:
            logger.warning("the metric %r takes no sample_weight, so all rows count the same in it.", metric.name)
        if deaf:
            logger.warning("all rows count the same in %s, which take no sample_weight.", ", ".join(deaf))
    own = [model for model in models if model.name not in MODELS]
    foreign = [model.name for model in own if not (isinstance(model, CustomModel) and model.storable)]
    if foreign:
        logger.warning(
            "your model(s) %s cannot be saved, because a file holds no foreign code; save() will refuse a fit in which "
            "they predict, so leave them out of SearchSettings(models=...) if it is to be saved.",
            ", ".join(map(repr, foreign)),
        )


def warn_of_positive(metric: Measure, target: Target) -> None:
    """Warn if a metric is about one of two classes and only class counts or class order decided which one."""
    doubtful = metric.positive_reason in {Reason.RARER, Reason.LAST}
    if not doubtful or metric.scorer not in OF_ONE_CLASS or target.task != "binary":
        return
    positive, other = (target.classes.tolist()[code] for code in (metric.positive, 1 - metric.positive))
    logger.warning(
        "%s is about the class %r, %s; pass Metric(%r, positive=%r), or --positive, for the other one.",
        *(metric.name, positive, metric.positive_reason.sentence, metric.name, other),
    )


def warn_of_time(canonical: pd.DataFrame, roles: Roles, validation: Any) -> None:
    """Warn if the rows are in the order of a date column and validation splits them at random.

    Args:
        canonical: The columns as read by the schema.
        roles: Weights and groups of the rows.
        validation: The `validation` argument.
    """
    if not _at_random(roles.groups, validation):
        return
    for name in canonical.select_dtypes("datetime").columns:
        column = canonical[name].dropna()
        if len(column) < max(_ROWS, len(canonical) / 2):
            continue
        if (column.is_monotonic_increasing or column.is_monotonic_decreasing) and column.nunique() >= _ROWS:
            logger.warning(
                "the rows are in the order of %r, and validation splits them at random, so its score is for rows of "
                "the same period; if the model is for later rows, pass validation=%r.",
                name,
                name,
            )
            return


def warn_of_index(X: Any, groups: Any, validation: Any) -> None:
    """Warn if the index of a pandas frame contains times, which no model reads, and validation splits rows at random.

    Args:
        X: The features as passed.
        groups: The groups as passed.
        validation: The `validation` argument.
    """
    import pandas as pd

    if not isinstance(X, pd.DataFrame) or not _at_random(groups, validation):
        return
    for level in range(X.index.nlevels):
        times = X.index.get_level_values(level)
        if isinstance(times, pd.DatetimeIndex | pd.PeriodIndex) and times.nunique() >= _ROWS:
            logger.warning(
                "the index of X holds times; an index is no feature, and validation splits the rows at random. If the "
                "model is for later rows, make a column of it (X.reset_index()) and pass validation=%r.",
                times.name or "index",
            )
            return


def warn_of_groups(canonical: pd.DataFrame, roles: Roles, validation: Any) -> None:
    """Warn if most rows share their customer, patient or the like, and validation splits them at random.

    Args:
        canonical: The columns as read by the schema.
        roles: Weights and groups of the rows.
        validation: The `validation` argument.
    """
    if not _at_random(roles.groups, validation):
        return
    for name in canonical.columns:
        if not names_persons(name) or canonical[name].dtype.kind == "M":
            continue
        counts = canonical[name].value_counts().to_numpy()
        if len(counts) > _ROWS and counts[counts > 1].sum() > len(canonical) / 2:
            logger.warning(
                "most rows share their value of %r with others, and validation splits them at random, so its score is "
                "for values that the model knows; if it is for new ones, pass groups=X[%r], or --groups.",
                name,
                name,
            )


def _at_random(groups: Any, validation: Any) -> bool:
    """True if validation splits rows at random, without regard to groups."""
    return groups is None and is_fold_count(validation)
