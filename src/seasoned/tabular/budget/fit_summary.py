"""The first lines of a fit: what the target, the columns, the validation and the limits were taken for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from seasoned.tabular.models._common.optional_packages import is_installed
from seasoned.tabular.models.registry import EXTRAS, NAMED_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.budget.budget import Budget
    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.metrics.metric import Measure
    from seasoned.tabular.models._common.base import Model
    from seasoned.tabular.schema.schema import Schema
    from seasoned.tabular.validation.folds import Fold

__all__ = ["Columns", "FitSummary", "describe", "line_of", "notes_of", "plan_of"]

_KINDS: Final = {
    "numeric": "numbers",
    "boolean": "yes or no",
    "category": "categories",
    "text": "texts",
    "date": "dates",
}
_KEPT: Final = 20  # names, classes and reasons that a summary holds
_NAMES: Final = 60  # characters of names in a line
_CLASSES: Final = 6  # classes in a line
_READING: Final = 100  # characters of a reading
_LINES: Final = 3  # readings, and reasons why columns are left out, that get a line each
_LABEL: Final = 12  # width of the label of a line
_ENDLESS: Final = 1e9  # seconds that stand for no limit


class Columns(NamedTuple):
    """The columns of one kind: how many they are, and the first names."""

    kind: str
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FitSummary:
    """A fit in a few facts, known before its search begins; at its end also what was skipped or resumed.

    Attributes:
        task: binary, multiclass or regression.
        metric: The metric's name.
        greater_is_better: Whether the metric grows with quality.
        rows: Rows that are learned from.
        columns: The columns that are used, by kind.
        validation: How rows are held out to judge models.
        target: Name of the target; None if it has none.
        skipped_rows: Rows without a target or of weight 0, which are left out.
        readings: Columns whose cells are not read in the obvious way, each with an example; the first 20.
        reading_count: How many such columns there are.
        left_out: Columns that are left out, with the reason; the first 20.
        left_out_count: How many columns are left out.
        classes: Classes with their rows, the first 20: two in sorted order, more from the largest on.
        class_count: How many classes there are; 0 for numbers.
        positive: The positive one of two classes.
        positive_reason: The rule that made it the positive one.
        models: The families that are tried.
        missing: Families that are left out because their packages are not installed.
        time_limit: Seconds that the fit may take; None for no limit.
        trials: Configurations to try; None for as many as there is time for.
        workers: Configurations that are tried at the same time.
        experience: What past tasks guide the search.
        notes: Sentences about what was resumed or skipped.
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
        """The summary for people: about 15 lines at most, a label first; what is not known yet has no line."""
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
        """The summary as plain data, which `from_dict` reads."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return found | {
            "columns": [part._asdict() | {"names": list(part.names)} for part in self.columns],
            **{name: list(found[name]) for name in ("readings", "models", "missing", "notes")},
            **{name: dict(found[name]) for name in ("classes", "left_out")},
        }

    @classmethod
    def from_dict(cls, data: Any) -> FitSummary | None:
        """The summary of `as_dict`; None for None, as a file from before summaries has it.

        Raises:
            ValueError: If it is something else.
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
        made.lines()  # what a stranger wrote fails here, and not in a later `show`
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
        """A line for each of a few columns; of many only their names."""
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
    """The summary as far as the table and its validation tell.

    Args:
        target: The target.
        metric: The metric.
        schema: The columns.
        folds: Rows that validate, a pair a fold.
        roles: Groups of the rows, if there are any.
        validation: The estimator's setting.
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
        skipped_rows=len(target.kept) - len(target.values),
        readings=tuple(str(reading) for reading in readings[:_KEPT]),
        reading_count=len(readings),
        left_out=tuple(dropped[:_KEPT]),
        left_out_count=len(dropped),
        classes=_counts(target.values, target.classes),
        class_count=len(target.classes),
        **_positive(target, metric),
    )


def plan_of(models: Sequence[Model], named: Sequence[Any] | None, budget: Budget, past: str) -> dict[str, Any]:
    """The fields of a summary that tell how the search is made.

    Args:
        models: The families.
        named: The setting `models`.
        budget: Time, trials and workers.
        past: What past tasks guide the search.
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


def notes_of(trials: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence for each family of which no configuration was completed, as some failed.

    Example:
        >>> notes_of([{"model": "mlp", "state": "failed", "error": "it ran out of memory"}])
        ('no configuration of mlp was completed; the first failure: it ran out of memory',)
    """
    done, failed = set(), dict[str, str]()
    for trial in trials:
        if trial["state"] == "complete":
            done.add(trial["model"])
        elif trial["state"] == "failed":
            failed.setdefault(trial["model"], " ".join(str(trial["error"]).split()))
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
    """How rows are held out, as a phrase."""
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
    """A line of a summary: its label, and its text without line breaks.

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
    """The first names, as many as a line has room for, and how many more there are.

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
