"""All steps together: from the training rows of a fold to further columns, in the diet of the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Categorical, Choice, Int, Space
from seasoned.tabular.columns.dense import Dense
from seasoned.tabular.features.arithmetic import Arithmetic
from seasoned.tabular.features.bins import Bins
from seasoned.tabular.features.cycles import Cycles
from seasoned.tabular.features.encoding import Encoding
from seasoned.tabular.features.frequency import Frequency
from seasoned.tabular.features.groups import GroupStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.columns.plan import Diet
    from seasoned.tabular.features.base import Columns, Rows, Step

__all__ = [
    "FEATURES",
    "STEPS",
    "Made",
    "aims_of",
    "choose_steps",
    "fit_features",
    "split_features",
    "starts_with_features",
    "with_features",
]

FEATURES: Final = "features"
"""The parameter of a family's space that says which features are made."""
STEPS: Final[Mapping[str, Step]] = {
    step.name: step for step in (Arithmetic(), GroupStatistics(), Frequency(), Encoding(), Cycles(), Bins())
}
_NONE, _MADE, _MOST = "none", "made", "columns"
_FIRST: Final = 2  # families that are tried with features among the first configurations


def choose_steps(names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of steps, checked, in the order of `STEPS`; none by default.

    Raises:
        InvalidInput: If one is unknown.
    """
    if isinstance(names, str):
        raise InvalidInput(f"features is {names!r}; pass a list of names, such as [{names!r}].")
    unknown = [name for name in names or () if name not in STEPS]
    if unknown:
        raise InvalidInput(f"there is no feature step {unknown[0]!r}; choose from {', '.join(STEPS)}.")
    return tuple(name for name in STEPS if name in (names or ()))


def with_features(space: Space, steps: Sequence[str]) -> Space:
    """A family's space with the choice to make features, none by default; unchanged without steps.

    Example:
        >>> with_features(Space(), ["arithmetic"]).default
        {'features': {'none': {}}}
    """
    if not steps or FEATURES in space.parameters:  # an own family may have a parameter of this name
        return space
    made = Space(
        {**{name: Categorical((True, False)) for name in steps}, _MOST: Int(3, 100, log=True, default=20)},
    )
    return Space({**space.parameters, FEATURES: Choice({_NONE: Space(), _MADE: made})})


def starts_with_features(starts: Iterable[Mapping[str, Any]], space: Space) -> list[dict[str, Any]]:
    """The configurations tried first, as the joint space with features has them.

    Each stays without features, and then the first two families, the cheapest, come again with all steps, so that what
    features are worth is known early.

    Args:
        starts: Configurations `{"model": {family: {...}}}` that know no features.
        space: The joint space of families, whose default has features where they may be made.
    """
    families = space.parameters["model"]
    assert isinstance(families, Choice), "the joint space has no other parameter"
    plain, again = [], []
    for start in starts:
        ((name, settings),) = start["model"].items()
        choice = families.options[name].parameters.get(FEATURES)
        if FEATURES in settings or not isinstance(choice, Choice) or _MADE not in choice.options:
            plain.append({"model": {name: dict(settings)}})
            continue
        plain.append({"model": {name: {**settings, FEATURES: {_NONE: {}}}}})
        again.append({"model": {name: {**settings, FEATURES: {_MADE: dict(choice.options[_MADE].default)}}}})
    return [*plain, *again[:_FIRST]]


def split_features(settings: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    """A family's settings without the choice of `with_features`, and the choice; None if there is none."""
    choice = settings.get(FEATURES)
    if not isinstance(choice, Mapping) or not set(choice) <= {_NONE, _MADE}:
        return dict(settings), None
    return {name: value for name, value in settings.items() if name != FEATURES}, choice


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Fitted steps, and how their columns are scaled for models that need that. Plain data.

    Attributes:
        steps: Name and fitted state of each.
        dense: Of all their columns.
        width: Number of columns of codes that they are made from.
    """

    steps: tuple[tuple[str, Columns], ...]
    dense: Dense
    width: int

    @property
    def count(self) -> int:
        """Number of columns that are made."""
        return sum(columns.count for _, columns in self.steps)

    def extend(self, codes: NDArray[np.float64], matrix: NDArray[np.float64], diet: Diet) -> NDArray[np.float64]:
        """The matrix that a model eats, with the made columns after its own.

        Args:
            codes: Of the rows, shape (n, width).
            matrix: The same rows in the model's diet, shape (n, p).
            diet: Which it is.
        """
        return self._beside(matrix, np.hstack([columns.transform(codes) for _, columns in self.steps]), diet)

    def _beside(self, matrix: NDArray[np.float64], made: NDArray[np.float64], diet: Diet) -> NDArray[np.float64]:
        return np.hstack([matrix, made if diet == "codes" else self.dense.transform(made)])

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        steps = [[name, columns.to_json()] for name, columns in self.steps]
        return {"width": self.width, "steps": steps, "dense": self.dense.to_json()}

    @classmethod
    def from_json(cls, state: dict[str, Any], width: int) -> Made:
        """What `to_json` described, for tables of `width` columns of codes.

        Raises:
            ValueError: If it names columns that are not there, or its parts do not fit together.
        """
        if state["width"] != width:
            raise ValueError("its features are those of another table")
        steps = tuple((name, STEPS[name].from_json(inner, width)) for name, inner in state["steps"])
        found = cls(steps, Dense.from_json(state["dense"]), width)
        parts = (found.dense.levels, found.dense.centre, found.dense.scale, found.dense.gaps)
        sound = (
            np.isfinite(found.dense.centre).all()
            and np.isfinite(found.dense.scale).all()
            and not found.dense.levels.any()
        )
        if not steps or any(part.shape != (found.count,) for part in parts) or not sound:
            raise ValueError("its features do not fit together")
        return found


def fit_features(
    config: Mapping[str, Any] | None, rows: Rows, matrix: NDArray[np.float64], diet: Diet
) -> tuple[Made | None, NDArray[np.float64]]:
    """The features that a configuration asks for, and the training rows' matrix with them.

    Args:
        config: The value of the parameter `features`; None where there is none.
        rows: The training rows.
        matrix: The same rows in the model's diet.
        diet: Which it is.

    Returns:
        None and the matrix as it is where nothing is asked for, or nothing was found worth making.
    """
    wanted = {} if config is None else dict(config.get(_MADE, {}))
    names = [name for name in STEPS if wanted.get(name)]
    if not names:
        return None, matrix
    fitted = [(name, STEPS[name].fit(rows, int(wanted[_MOST]))) for name in names]
    made = np.hstack([columns for _, (_, columns) in fitted])
    if not made.shape[1]:
        return None, matrix
    steps = tuple((name, state) for name, (state, _) in fitted if state.count)
    found = Made(steps, Dense.fit(made, np.zeros(made.shape[1], dtype=np.int64)), rows.codes.shape[1])
    return found, found._beside(matrix, made, diet)  # noqa: SLF001 - its own constructor


def aims_of(y: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """What steps look at, shape (n, k): for classes whether it is that class, for numbers the number.

    Numbers are cut off at their first and last percentile, so that a few enormous ones do not decide what is made.
    """
    if n_classes:
        return np.eye(n_classes)[y.astype(np.int64)]
    cut: NDArray[np.float64] = np.clip(y, *np.quantile(y, [0.01, 0.99]))[:, None]
    return cut
