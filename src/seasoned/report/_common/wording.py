"""Texts for readers of a report: numbers, names and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seasoned.report._common.data import ReportData

__all__ = ["duration", "family_name", "number", "plural", "settings", "short", "summary", "task_name"]

_FAMILIES = MappingProxyType(
    {
        "baseline": "Baseline",
        "linear": "Linear model",
        "adaptive_linear": "Linear model, learned penalties",
        "splines": "Splines and products",
        "lightgbm": "LightGBM",
        "histogram": "Histogram boosting",
        "forest": "Random forest",
        "extra_trees": "Extra trees",
        "xgboost": "XGBoost",
        "catboost": "CatBoost",
        "neighbours": "Nearest neighbours",
        "tree": "Decision tree",
        "incontext": "In-context network",
        "tabicl": "TabICL",
        "tabpfn": "TabPFN",
        "distilled": "Boosting, taught by the in-context network",
        "mlp": "Neural network",
        "realmlp": "Neural network, embedded quantities",
        "tuned_mlp": "Neural network, learned penalties",
    }
)
_TASKS = MappingProxyType(
    {"binary": "classification, two classes", "multiclass": "classification", "regression": "regression"}
)


def family_name(model: str) -> str:
    """Return the display name of a model family; unknown names stay unchanged."""
    return _FAMILIES.get(model, model)


def task_name(data: ReportData) -> str:
    """The task in words.

    Example:
        "classification, 3 classes".
    """
    return f"classification, {len(data.classes)} classes" if data.task == "multiclass" else _TASKS[data.task]


def number(value: float | None, digits: int = 4) -> str:
    """Format a number with `digits` significant digits; None and NaN become a dash.

    Example:
        >>> number(0.87123456), number(999.97), number(1234567.0), number(None)
        ('0.8712', '1000', '1,234,567', '–')
    """
    if value is None or value != value:  # noqa: PLR0124 - NaN is the only value unlike itself
        return "–"  # noqa: RUF001 - a dash is meant
    if abs(value) >= 10 ** (digits - 1) and abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def duration(seconds: float | None) -> str:
    """Format seconds for readers.

    Example:
        >>> duration(0.314), duration(58.2), duration(200), duration(7500)
        ('0.31 s', '58 s', '3 min 20 s', '2 h 5 min')
    """
    if seconds is None:
        return "–"  # noqa: RUF001 - a dash is meant
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Format a count with its noun.

    Example:
        >>> plural(1, "column"), plural(1200, "row"), plural(2, "family", "families")
        ('1 column', '1,200 rows', '2 families')
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def short(text: str, most: int = 28) -> str:
    """Shorten text in the middle, so that names with different ends stay distinct.

    Example:
        >>> short("a_very_long_column_name_of_1987", 15)
        'a_very_…of_1987'
    """
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def settings(config: Mapping[str, Any], *, equals: str = " = ", digits: int = 4) -> str:
    """Format a configuration on one line.

    Nested settings are joined by dots. A choice without own settings is shown by its name. Of nested configurations
    only the number is shown.

    Example:
        >>> settings({"depth": 3, "rate": 0.123456, "boost": {"dart": {"drop": 0.5}}, "features": {"none": {}}})
        'depth = 3, rate = 0.1235, boost.dart.drop = 0.5, features = none'
        >>> settings({"depth": 3, "stacked_on": [{"model": {"linear": {}}}, {"model": {"tree": {}}}]})
        'depth = 3, stacked_on = 2 models'
    """
    return ", ".join(f"{name}{equals}{_value(value, digits)}" for name, value in _flat(config, ""))


def _flat(config: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, value in config.items():
        if not isinstance(value, Mapping) or not value:
            pairs.append((f"{prefix}{name}", value))
        elif list(value.values()) == [{}]:
            pairs.append((f"{prefix}{name}", next(iter(value))))
        else:
            pairs += _flat(value, f"{prefix}{name}.")
    return pairs


def _value(value: Any, digits: int) -> str:
    if isinstance(value, Mapping):
        return "default"
    if isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
        return plural(len(value), "model")
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def summary(data: ReportData) -> str:
    """Summarise the report in one to three sentences.

    Example:
        "LightGBM reached roc_auc 0.871 in cross-validation; 34 configurations were tried in 58 s, and 2 failed."
    """
    sentences = [_winner(data), _effort(data)]
    if data.given is not None:
        rows = plural(len(data.given.truth), "given row")
        sentences.append(f"On {rows}, {data.metric} is {number(data.given.score)}.")
    return " ".join(sentences)


def _winner(data: ReportData) -> str:
    if not data.complete:
        return "No configuration could be validated, so a simple baseline predicts."
    names = [family_name(member.model) for member in data.members]
    one = names[0] if len(names) == 1 else f"An ensemble of {len(names)} models ({_listed(names)})"
    if data.recut:
        return (
            f"{one} predicts. Labels are chosen in another way than in validation, so {data.metric} there is not known."
        )
    if data.final_score is None:
        best = data.complete[0]
        reached = f"The best configuration, {family_name(best.model)}, reached {data.metric} {number(best.score)}"
        return f"{reached} in validation; {one[0].lower() if len(names) > 1 else one[0]}{one[1:]} predicts."
    return f"{one} reached {data.metric} {number(data.final_score)} in validation."


def _listed(names: list[str]) -> str:
    """Format names of families without duplicates; of many names only the first three (largest weights) are shown."""
    different = list(dict.fromkeys(names))
    more = len(different) - 3
    shown = different if more <= 1 else [*different[:3], plural(more, "other family", "other families")]
    return ", ".join(shown)


def _effort(data: ReportData) -> str:
    tried = f"{plural(len(data.trials), 'configuration')} {'was' if len(data.trials) == 1 else 'were'} tried"
    if data.fit_seconds is not None:
        tried += f" in {duration(data.fit_seconds)}"
    failed, stopped = len(data.failed), len(data.unfinished)
    tried += f"; {failed or 'none'} failed"
    tried += f", and {stopped} {'was' if stopped == 1 else 'were'} stopped early." if stopped else "."
    if data.refit_seconds is None:
        return tried
    rows = "other rows" if data.rows is None else plural(data.rows, "row")
    again = f"The models were fitted again, on {rows} in {duration(data.refit_seconds)}"
    return f"{tried} {again}; validation results are from the original search."
