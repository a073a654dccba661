"""Description of a table: its columns, its target's problem, and the fingerprint of a run on it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned._util.blas_threads import one_thread
from seasoned.errors import InvalidInput
from seasoned.knowledge.experience.locations import Places, places
from seasoned.tabular.fit.data_warnings import warn_of_groups, warn_of_models, warn_of_positive, warn_of_time
from seasoned.tabular.fit.leakage import warn_of_leaks
from seasoned.tabular.metrics.code_hash import code_digest
from seasoned.tabular.metrics.registry import metric_key, resolve
from seasoned.tabular.models.registry import MODELS, choose, for_quantile, meant_for, without_rows
from seasoned.tabular.preprocessing.column_plan import foreseen_width
from seasoned.tabular.schema.group_levels import without_group_levels
from seasoned.tabular.schema.schema import Schema
from seasoned.tabular.search.user_configurations import check_starts
from seasoned.tabular.search.user_spaces import bounded, declared
from seasoned.tabular.trial.run_folder import fingerprint
from seasoned.tabular.validation.declared import is_fold_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.fit.parameters import FitSettings
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model

__all__ = ["Description", "Problem", "Table", "describe_table", "fingerprint_of", "problem_of"]

_RUNS = 7
"""Version of the meaning of stored trials: a run of another version is not resumed.

Before 7, the positive class was the one sorted last. Before 6, dates were counted from 2000. Before 5, numbers far from
0 had no origin of their own. Before 4, categories with many levels were text. Before 3, trees did not scale targets.
Before 2, no model learned the logarithm of the target.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Table to learn from.

    Attributes:
        frame: The features, one row per target value.
        target: The target.
        roles: Weights and groups of the rows.
    """

    frame: pd.DataFrame
    target: Target
    roles: Roles


@dataclass(frozen=True, slots=True)
class Problem:
    """Learning problem: the model families of the search, and the metric."""

    models: Sequence[Model]
    metric: Measure

    @property
    def own(self) -> dict[str, Model]:
        """The user's own families by name."""
        return {model.name: model for model in self.models if model.name not in MODELS}


@dataclass(frozen=True, slots=True)
class Description:
    """Description of the columns.

    Attributes:
        schema: Kind of each column.
        canonical: The columns as their kinds, one row per target value.
        validation: The setting `validation`, with pairs of row indices as a list.
        size: Rows, columns of the matrix of codes, and classes (1 for numbers and for two classes).
    """

    schema: Schema
    canonical: pd.DataFrame
    validation: Any
    size: tuple[int, int, int]


def problem_of(table: Table, settings: FitSettings) -> Problem:
    """Choose the families and the metric.

    Raises:
        InvalidInput: If a setting is invalid.
    """
    target, (rows, columns) = table.target, table.frame.shape
    models = meant_for(choose(settings.models), settings.models, rows, columns, len(target.classes))
    if not settings.store_rows:
        models = without_rows(models)
    metric = resolve(settings.metric, target.task, len(target.classes), target.classes, target.values)
    if metric.quantile is not None:
        models = for_quantile(models, settings.models)
    warn_of_positive(metric, target)
    models = bounded(models, settings.spaces, target.task)
    check_starts(settings.starts, models, target.task)
    return Problem(models, metric)


@one_thread("blas")  # the cores belong to the workers, which load their packages
@one_thread("openmp")
def describe_table(table: Table, problem: Problem, settings: FitSettings) -> Description:
    """Infer the kind of each column, read the columns as their kinds, and warn of doubtful data.

    Raises:
        InvalidInput: If a column or the setting `validation` is invalid.
    """
    frame, target, roles = table.frame, table.target, table.roles
    schema = Schema.infer(frame, settings.validation)
    canonical = schema.apply(frame)
    if roles.groups is not None and is_fold_count(settings.validation):
        schema = without_group_levels(schema, canonical, roles.groups)
        if len(schema.used) < canonical.shape[1]:  # the selection copies the table
            canonical = canonical[[column.name for column in schema.used]]
    warn_of_leaks(canonical, target)
    warn_of_models(problem.models, roles, problem.metric)
    validation = _materialised(settings.validation)
    warn_of_time(canonical, roles, validation)
    warn_of_groups(canonical, roles, validation)
    classes = len(target.classes) if target.task == "multiclass" else 1
    return Description(schema, canonical, validation, (len(frame), foreseen_width(schema), classes))


def fingerprint_of(
    table: Table, problem: Problem, description: Description, settings: FitSettings, experience: str | None
) -> str:
    """Return the fingerprint of a run: it differs between tables, targets and settings."""
    facts = textual_settings(settings, table.target.task, description.validation, table.roles, experience)
    if problem.metric.function is not None:  # it may read the labels
        facts["classes"] = table.target.classes.tolist()
    return fingerprint(description.canonical, table.target.values, facts)


def _materialised(validation: Any) -> Any:
    """Pairs of row indices as a list, because a generator can be read only once."""
    if validation is None or isinstance(validation, int | str) or hasattr(validation, "split"):
        return validation
    try:
        pairs = [(np.asarray(train), np.asarray(test)) for train, test in validation]
    except (TypeError, ValueError):
        return validation  # no pairs: refused with a message where folds are made
    if not pairs:
        raise InvalidInput(
            "validation holds no pairs; what `split` gives can be read only once: pass list(kf.split(X, y))."
        )
    return pairs


def textual_settings(
    settings: FitSettings, task: str, validation: Any, roles: Roles, experience: str | None
) -> dict[str, Any]:
    """Settings that identify a run, as text that is the same in every process."""
    given = {
        **settings.facts(),
        "task": task,
        "metric": metric_key(settings.metric),
        "validation": validation_key(validation),
    }
    digests = {name: _digest([rows]) for name, rows in roles.arrays().items()}
    told = places(experience) != Places(False, None)  # a search without advice cannot be resumed with advice
    rows = "" if settings.store_rows else "none"
    told_of = {"spaces": declared(settings.spaces or {}), "starts": settings.starts, "store_rows": rows}
    given = {name: value for name, value in (given | told_of).items() if name not in told_of or value}
    if (models := settings.models) is not None:
        given["models"] = [model if isinstance(model, str) else code_digest(model) for model in models]
    return {**given, **digests, "experience": told, "version": _RUNS}


def validation_key(validation: Any) -> str:
    """Text that identifies a declaration of validation."""
    if isinstance(validation, list):
        try:
            return _digest(np.asarray(rows) for pair in validation for rows in pair)
        except (TypeError, ValueError):  # no pairs: refused with a message where folds are made
            return repr(validation)
    return code_digest(validation) if hasattr(validation, "split") else repr(validation)


def _digest(arrays: Iterable[NDArray[Any]]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for array in arrays:
        digest.update(array.tobytes() + b"|")
    return digest.hexdigest()
