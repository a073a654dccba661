"""Summary of a fit, shown at its start: target, columns, validation scheme and limits as the fit reads them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned._util.optional_packages import is_installed
from seasoned.tabular.models.registry import EXTRAS, NAMED_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.schema.schema import Schema
    from seasoned.tabular.trial.trial_row import TrialRow
    from seasoned.tabular.validation.folds import Fold

__all__ = ["Columns", "FitSummary", "describe", "line_of", "notes_of", "plan_of"]

_KINDS: Final = {
    "numeric": "numbers",
    "boolean": "yes or no",
    "category": "categories",
    "text": "texts",
    "date": "dates",
}
_KEPT: Final = 20  # largest number of names, classes or reasons in a summary
_NAMES: Final = 60  # largest number of characters for the names in a line
_CLASSES: Final = 6  # largest number of classes in a line
_READING: Final = 100  # largest number of characters of a reading
_LINES: Final = 3  # largest number of readings, and of excluded columns, with a line each
_LABEL: Final = 12  # width of the label of a line, in characters
_ENDLESS: Final = 1e9  # seconds; a time limit from this value on means no limit


class Columns(NamedTuple):
    """Columns of one kind: their number and the first names."""

    kind: str
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FitSummary:
    """Summary of a fit, known before the search starts; the end of the fit adds notes on resumed and skipped work.

    Attributes:
        task: binary, multiclass or regression.
        metric: Name of the metric.
        greater_is_better: True if a higher score is better.
        rows: Number of training rows.
        columns: Columns in use, by kind.
        validation: Validation scheme, as a phrase.
        target: Name of the target; None if the target has no name.
        skipped_rows: Number of excluded rows: rows without a target or with weight 0.
        readings: First 20 columns whose cells are read in a special way, each with an example.
        reading_count: Number of columns whose cells are read in a special way.
        left_out: First 20 excluded columns, with the reason.
        left_out_count: Number of excluded columns.
        classes: First 20 classes with their numbers of rows: two classes in sorted order, more classes by size.
        class_count: Number of classes; 0 for regression.
        positive: Positive class of two classes.
        positive_reason: Rule that selected the positive class.
        models: Model families of the search.
        missing: Excluded model families, because their packages are not installed.
        time_limit: Time limit in seconds; None for no limit.
        trials: Number of configurations to try; None for as many as the time allows.
        workers: Number of configurations that are tried at the same time.
        experience: Past tasks that guide the search, as a phrase.
        notes: Sentences about resumed and skipped work.
    """

    task: str
    metric: str
    greater_is_better: bool
    rows: int
    columns: tuple[Columns, ...]
    validation: str
    target: str | None = None
    skipped_rows: int = 0
    readings: tuple[str, ...] = ()
    reading_count: int = 0
    left_out: tuple[tuple[str, str], ...] = ()
    left_out_count: int = 0
    classes: tuple[tuple[str, int], ...] = ()
    class_count: int = 0
    positive: str | None = None
    positive_reason: str | None = None
    models: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    time_limit: float | None = None
    trials: int | None = None
    workers: int | None = None
    experience: str | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Return the summary as text: at most about 15 lines, each with a label; unknown facts have no line."""
        found = [line_of("target", self._goal()), *self._class_lines(), line_of("rows", self._rows())]
        found += [
            line_of(_KINDS.get(part.kind, part.kind), f"{part.size}: {_some(part.names, part.size)}")
            for part in self.columns
        ]
        found += [line_of("read as", _short(reading, _READING)) for reading in self.readings[:_LINES]]
        found += [line_of("read as", f"{self.reading_count - _LINES:,} more")] * (self.reading_count > _LINES)
        found += self._left_out_lines()
        found.append(line_of("validation", self.validation))
        if self.models:
            found.append(line_of("models", self._families()))
        if self.workers is not None:
            found.append(line_of("limits", self._limits()))
        if self.experience is not None:
            found.append(line_of("experience", self.experience))
        return [*found, *(line_of("note", note) for note in self.notes)]

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as plain data for `from_dict`."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return found | {
            "columns": [part._asdict() | {"names": list(part.names)} for part in self.columns],
            **{name: list(found[name]) for name in ("readings", "models", "missing", "notes")},
            **{name: dict(found[name]) for name in ("classes", "left_out")},
        }

    @classmethod
    def from_dict(cls, data: Any) -> FitSummary | None:
        """Return the summary that `as_dict` wrote; None for None, because older files have no summary.

        Raises:
            ValueError: If the data is no summary.
        """
        if data is None:
            return None
        known = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        columns = (Columns(str(part["kind"]), int(part["size"]), _words(part["names"])) for part in known["columns"])
        made = cls(
            **known
            | {
                "columns": tuple(columns),
                **{name: _words(known[name]) for name in ("readings", "models", "missing", "notes")},
                "classes": tuple((str(name), int(rows)) for name, rows in known["classes"].items()),
                "left_out": tuple((str(name), str(reason)) for name, reason in known["left_out"].items()),
            }
        )
        made.lines()  # data of an untrusted file fails here, and not in a later `show`
        return made

    def _goal(self) -> str:
        better = "higher" if self.greater_is_better else "lower"
        kind = {"binary": "two classes", "multiclass": f"{self.class_count} classes"}.get(self.task, "a number")
        named = "" if self.target is None else f"{self.target}: "
        return f"{named}{kind}; the metric is {self.metric} ({better} is better)"

    def _class_lines(self) -> list[str]:
        if not self.classes:
            return []
        parts = [f"{_short(name)} {rows:,} ({rows / max(self.rows, 1):.0%})" for name, rows in self.classes[:_CLASSES]]
        more = self.class_count - len(parts)
        found = [line_of("classes", ", ".join(parts) + (f" and {more} more" if more else ""))]
        if self.positive is not None:
            found.append(line_of("positive", f"{_short(self.positive)}, {self.positive_reason}"))
        return found

    def _rows(self) -> str:
        used = sum(part.size for part in self.columns)
        skipped = f"; {self.skipped_rows:,} more without a target or of weight 0" if self.skipped_rows else ""
        return f"{self.rows:,}, with {used:,} of {used + self.left_out_count:,} columns{skipped}"

    def _left_out_lines(self) -> list[str]:
        """Return a line for each excluded column; for more than three columns, one line with the names."""
        if self.left_out_count > _LINES:
            names = [name for name, _ in self.left_out]
            return [line_of("left out", f"{self.left_out_count}: {_some(names, self.left_out_count)}")]
        return [line_of("left out", f"{_short(name)}. {reason}") for name, reason in self.left_out]

    def _families(self) -> str:
        missing = f"; not installed: {', '.join(self.missing)}" if self.missing else ""
        return f"{', '.join(self.models)}{missing}"

    def _limits(self) -> str:
        parts = [] if self.time_limit is None else [f"{self.time_limit:g} s"]
        parts += [] if self.trials is None else [f"{self.trials:,} configurations"]
        return f"{', '.join(parts)}; {self.workers} configuration(s) at a time"


def describe(
    target: Target,
    metric: Measure,
    schema: Schema,
    folds: Sequence[Fold],
    roles: Roles,
    validation: Any,
) -> FitSummary:
    """Return the facts about table, target and validation scheme; `plan_of` returns the facts about the search.

    Args:
        target: The target.
        metric: The metric.
        schema: The columns.
        folds: (train, validation) row indices of each fold.
        roles: Optional groups of the rows.
        validation: The setting `validation` of the estimator.
    """
    readings = schema.readings
    dropped = [(column.name, column.reason) for column in schema.columns if column.reason is not None]
    return FitSummary(
        task=target.task,
        metric=metric.name,
        greater_is_better=metric.greater_is_better,
        rows=len(target.values),
        columns=_by_kind(schema),
        validation=_validation(validation, folds, roles, target),
        target=target.name,
        skipped_rows=len(target.labelled) - len(target.values),
        readings=tuple(str(reading) for reading in readings[:_KEPT]),
        reading_count=len(readings),
        left_out=tuple(dropped[:_KEPT]),
        left_out_count=len(dropped),
        classes=_counts(target.values, target.classes),
        class_count=len(target.classes),
        **_positive(target, metric),
    )


def plan_of(models: Sequence[Model], named: Sequence[Any] | None, budget: Budget, past: str) -> dict[str, Any]:
    """Return the summary fields of the search: families, limits and experience.

    Args:
        models: Model families of the search.
        named: The setting `models`.
        budget: Time, trials and workers.
        past: Past tasks that guide the search, as a phrase.
    """
    tried = tuple(model.name for model in models)
    whole = named is None or "default" in named or all(isinstance(one, str) and one.startswith("-") for one in named)
    lacking = [name for name, one in EXTRAS.items() if name not in NAMED_ONLY and not is_installed(one.package)]
    return {
        "models": tried,
        "missing": tuple(name for name in lacking if whole and f"-{name}" not in (named or ())),
        "time_limit": budget.seconds if budget.seconds < _ENDLESS else None,
        "trials": budget.trials,
        "workers": budget.workers,
        "experience": past,
    }


def notes_of(trials: Iterable[TrialRow]) -> tuple[str, ...]:
    """Return a sentence for each family with failed configurations and none that completed.

    Example:
        >>> from seasoned.tabular.trial.trial_row import TrialRow
        >>> notes_of([TrialRow(0, "mlp", {}, "failed", error="it ran out of memory")])
        ('no configuration of mlp was completed; the first failure: it ran out of memory',)
    """
    done, failed = set(), dict[str, str]()
    for trial in trials:
        if trial.is_complete:
            done.add(trial.model)
        elif trial.state == "failed":
            failed.setdefault(trial.model, " ".join(str(trial.error).split()))
    return tuple(
        f"no configuration of {name} was completed; the first failure: {_short(error, 160)}"
        for name, error in failed.items()
        if name not in done
    )


def _by_kind(schema: Schema) -> tuple[Columns, ...]:
    names: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for column in schema.used:
        names.setdefault(column.kind, []).append(column.name)
    return tuple(Columns(kind, len(one), tuple(one[:_KEPT])) for kind, one in names.items() if one)


def _counts(values: NDArray[Any], classes: NDArray[Any]) -> tuple[tuple[str, int], ...]:
    if not len(classes):
        return ()
    rows = np.bincount(values, minlength=len(classes))
    order = np.arange(2) if len(classes) == 2 else np.argsort(-rows, kind="stable")[:_KEPT]
    return tuple((str(classes[code]), int(rows[code])) for code in order)


def _positive(target: Target, metric: Measure) -> dict[str, Any]:
    if target.task != "binary":
        return {}
    reason = metric.positive_reason.sentence
    return {"positive": str(target.classes[metric.positive]), "positive_reason": reason}


def _validation(declared: Any, folds: Sequence[Fold], roles: Roles, target: Target) -> str:
    """Return the validation scheme as a phrase."""
    count = len(folds)
    part = f"{count} folds" if count > 1 else "one held-out part"
    if isinstance(declared, str):
        return f"{part}; rows later than those learned from, by {declared}"
    if hasattr(declared, "split"):
        return f"{part}, made by {type(declared).__name__}"
    if declared is not None and not isinstance(declared, int | np.integer):
        return f"{part}, the rows that were given"
    if roles.groups is not None:
        return f"{part} of whole groups, of which there are {int(roles.groups.max()) + 1:,}"
    part = part if count > 1 else "one held-out fifth"
    even = target.task != "regression" and np.bincount(target.values).max() >= max(count, 2)
    return f"{part}, rows dealt at random{', classes in proportion (stratified)' if even else ''}"


def line_of(label: str, text: str) -> str:
    """Return a line of a summary: the label, then the text without line breaks.

    Example:
        >>> line_of("rows", "1,000")
        'rows        1,000'
    """
    return f"{label:<{_LABEL}}{' '.join(text.split())}"


def _words(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, found))


def _short(name: str, most: int = 40) -> str:
    return name if len(name) <= most else f"{name[: most - 3]}..."


def _some(names: Sequence[str], count: int) -> str:
    """Return the first names that fit into a line, and the number of the other names.

    Example:
        >>> _some(["a", "b"], 39)
        'a, b and 37 more'
    """
    shown: list[str] = []
    for name in map(_short, names):
        if shown and len(", ".join([*shown, name])) > _NAMES:
            break
        shown.append(name)
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")
