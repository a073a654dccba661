"""Options for classes: `--class-weight`, `--costs` and `--positive`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from seasoned import tabular
from seasoned.errors import InvalidInput
from seasoned.tabular.input.class_weights import BALANCED
from seasoned.tabular.metrics.metric import COST

__all__ = ["ClassWeight", "Costs", "Positive", "costs_in", "metric_of", "weights_in"]

_COST: Final = "TRUE:PREDICTED=COST"

ClassWeight = Annotated[
    str | None, typer.Option(help="How much rows count by class: balanced, or weights such as yes=5,no=1.")
]
Costs = Annotated[
    str | None,
    typer.Option(
        help="What an error costs, TRUE:PREDICTED=COST with commas between, such as ill:well=20,well:ill=1; those that "
        "are not named cost 1."
    ),
]
Positive = Annotated[str | None, typer.Option(help="The class of two that metrics, curves and explanations are about.")]


def weights_in(words: str | None) -> Any:
    """Parse `--class-weight` into the argument `sample_weight` of `fit`.

    Raises:
        InvalidInput: If a part is not LABEL=WEIGHT, or a label is repeated.

    Example:
        >>> weights_in("balanced"), weights_in("yes=5,no=1")
        ('balanced', {'yes': 5.0, 'no': 1.0})
    """
    if words is None or words == BALANCED:
        return words
    form = f"{BALANCED}, or LABEL=WEIGHT"
    return _by_name([_named_number(part, "--class-weight", form) for part in words.split(",")], "--class-weight")


def metric_of(name: str | None, positive: str | None, costs: str | None) -> Any:
    """Build the argument `metric` from `--metric`, `--positive` and `--costs`.

    Raises:
        InvalidInput: If the options contradict each other, or a part of the costs is malformed or repeated.

    Example:
        >>> metric_of(None, "bad", None).positive, metric_of("f1", None, None)
        ('bad', 'f1')
    """
    if costs is not None:
        return tabular.Metric(name or COST, positive, costs=costs_in(costs))
    return name if positive is None else tabular.Metric(name, positive)


def costs_in(words: str) -> dict[tuple[str, str], float]:
    """Parse `--costs` into costs by (true label, predicted label).

    Raises:
        InvalidInput: If a part is not TRUE:PREDICTED=COST, or a pair is repeated.

    Example:
        >>> costs_in("ill:well=20, well:ill=1")
        {('ill', 'well'): 20.0, ('well', 'ill'): 1.0}
    """
    found = []
    for part in words.split(","):
        pair, cost = _named_number(part, "--costs", _COST)
        true, colon, predicted = pair.partition(":")
        if not colon or ":" in predicted:
            raise InvalidInput(_wrong(part, "--costs", _COST))
        found.append(((true.strip(), predicted.strip()), cost))
    return _by_name(found, "--costs")


def _named_number(part: str, option: str, form: str) -> tuple[str, float]:
    """Split a part at its last `=` into a name and a number."""
    name, equals, number = part.rpartition("=")
    try:
        if equals:
            return name.strip(), float(number)
    except ValueError:
        pass  # the error below is raised
    raise InvalidInput(_wrong(part, option, form))


def _wrong(part: str, option: str, form: str) -> str:
    marks = "a comma or colon" if form == _COST else "a comma"
    return (
        f"{option} has {part!r}; write {form}, with commas between several. Labels with {marks} in them are for Python "
        "only."
    )


def _by_name(pairs: list[tuple[Any, float]], option: str) -> dict[Any, float]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name in found if [other for other, _ in pairs].count(name) > 1)
        raise InvalidInput(f"{option} names {twice!r} twice; name it once.")
    return found
