"""All steps together: from the training rows of a fold to the columns that the model eats, in its diet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Categorical, Choice, Int, Space
from seasoned.tabular.features.arithmetic import Arithmetic
from seasoned.tabular.features.base import Given
from seasoned.tabular.features.binning import Bins
from seasoned.tabular.features.cyclic_dates import Cycles
from seasoned.tabular.features.drop_redundant import Redundant
from seasoned.tabular.features.drop_uninformative import Uninformative
from seasoned.tabular.features.frequency_encoding import Frequency
from seasoned.tabular.features.group_statistics import GroupStatistics
from seasoned.tabular.features.target_encoding import Encoding
from seasoned.tabular.features.text_cache import TextRows
from seasoned.tabular.features.text_levels import LevelColumns, Levels
from seasoned.tabular.features.text_statistics import TextStatistics
from seasoned.tabular.features.text_topics import TextWords
from seasoned.tabular.preprocessing.one_hot_scaling import Dense

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from seasoned.tabular.features.base import Columns, Rows, Selection, Step
    from seasoned.tabular.preprocessing.column_plan import Diet

__all__ = [
    "FEATURES",
    "LEVELS",
    "NEEDS",
    "SELECTIONS",
    "STEPS",
    "TEXT_STEPS",
    "Made",
    "aims_of",
    "asks",
    "choose_steps",
    "fit_features",
    "most_columns",
    "only_levels",
    "reads_texts",
    "split_features",
    "starts_with_features",
    "steps_for",
    "with_features",
]

FEATURES: Final = "features"
"""The parameter of a family's space that says which features are made."""
LEVELS: Final = "levels"
"""The step that gives the codes of columns with very many levels."""
TEXT_STEPS: Final[Mapping[str, Step]] = {step.name: step for step in (TextStatistics(), TextWords())}
"""Steps that read texts."""
STEPS: Final[Mapping[str, Step]] = {
    step.name: step for step in (Arithmetic(), GroupStatistics(), Frequency(), Encoding(), Levels(), Cycles(), Bins())
} | dict(TEXT_STEPS)
NEEDS: Final[Mapping[str, str]] = {**dict.fromkeys(TEXT_STEPS, "text"), LEVELS: "text", "cycles": "date"}
"""The kind of column that a step cannot do without; tables without such a column are searched without the step."""
SELECTIONS: Final[Mapping[str, Selection]] = {step.name: step for step in (Redundant(), Uninformative())}
"""Steps that leave columns out, the made ones and the table's own, after all others."""
_NONE, _MADE, _MOST = "none", "made", "columns"
_MANY: Final = 12_000  # rows from which on steps are worth their time; with fewer, chance decides what they make
_CLASSES: Final = 10  # the most common ones, which steps look at
_FIRST: Final = 2  # families that are tried with features among the first configurations


def choose_steps(names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of steps, checked, in the order of `STEPS` and `SELECTIONS`; "all" for all of them, none for None.

    Raises:
        InvalidInput: If one is unknown.
    """
    known = (*STEPS, *SELECTIONS)
    if names == "all":
        return known
    if isinstance(names, str):
        raise InvalidInput(f"features is {names!r}; pass a list of names, such as [{names!r}], or 'all'.")
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise InvalidInput(f"there is no feature step {unknown[0]!r}; choose from {', '.join(known)}.")
    return tuple(name for name in known if name in (names or ()))


def steps_for(names: Sequence[str] | None, rows: int) -> tuple[str, ...]:
    """Names of the steps of a fit on so many rows: those asked for or, for None, all from 12,000 rows on.

    Example:
        >>> steps_for(None, 1_000), steps_for(["bins"], 1_000), "arithmetic" in steps_for(None, 20_000)
        ((), ('bins',), True)
    """
    return choose_steps("all" if names is None and rows >= _MANY else names)


def with_features(space: Space, steps: Sequence[str]) -> Space:
    """A family's space with the choice to make features, none by default; unchanged without steps.

    Example:
        >>> with_features(Space(), ["arithmetic"]).default
        {'features': {'none': {}}}
    """
    if not steps or FEATURES in space.parameters:  # a custom family may have a parameter of this name
        return space
    usual = [name for name in steps if name not in SELECTIONS] or steps  # what the first configurations have
    made = Space(
        {
            **{name: Categorical((True, False), default=name in usual) for name in steps},
            _MOST: Int(3, 100, log=True, default=20),
        },
    )
    choice = Choice({_NONE: Space(), _MADE: made})
    return Space({**space.parameters, FEATURES: choice}, forbidden=space.forbidden)


def reads_texts(choice: Mapping[str, Any] | None) -> bool:
    """Whether the steps that a configuration asks for need the texts themselves, not only their codes."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return any(wanted.get(name) for name in TEXT_STEPS)


def asks(choice: Mapping[str, Any] | None) -> bool:
    """Whether a configuration asks for any step at all."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return any(wanted.get(name) for name in (*STEPS, *SELECTIONS))


def only_levels(choice: Mapping[str, Any] | None) -> bool:
    """Whether a configuration has no step but `levels`, whose columns are in the table and no guess."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return wanted.keys() == {LEVELS, _MOST}


def most_columns(choice: Mapping[str, Any] | None) -> int:
    """The most columns that a configuration's features can have."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return sum(bool(wanted.get(name)) for name in STEPS) * int(wanted.get(_MOST, 0))


def starts_with_features(starts: Iterable[Mapping[str, Any]], space: Space) -> list[dict[str, Any]]:
    """The configurations tried first, as points of the joint space with features.

    Each is tried without features, and then the first two families, the cheapest, again with all steps, so that what
    features are worth is known early. A family that has no step but `levels` begins with it: its columns are in the
    table and no guess.

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
        if choice.options[_MADE].parameters.keys() == {LEVELS, _MOST}:
            plain.append({"model": {name: {**settings, FEATURES: {_MADE: dict(choice.options[_MADE].default)}}}})
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
    """Fitted steps, how their columns are scaled for models that need that, and which columns stay. Plain data.

    Attributes:
        steps: Name and fitted state of each.
        dense: The scaling of all their columns.
        width: Number of columns of codes that they are made from.
        texts: Number of text columns that they read; 0 where they need no more than codes.
        kept: Places of the columns that stay, among the model's own and the made ones, ascending; None if all do.
    """

    steps: tuple[tuple[str, Columns], ...]
    dense: Dense
    width: int
    texts: int = 0
    kept: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        """Number of columns that are made."""
        return sum(columns.count for _, columns in self.steps)

    @property
    def reads_texts(self) -> bool:
        """Whether it needs the texts themselves, not only their codes."""
        return any(name in TEXT_STEPS for name, _ in self.steps)

    def extend(self, given: Given, matrix: NDArray[np.float64], diet: Diet) -> NDArray[np.float64]:
        """The matrix that a model eats: its own columns and then the made ones, those of them that stay.

        Args:
            given: What columns are made from.
            matrix: The same rows in the model's diet, shape (n, p).
            diet: Which it is.

        Raises:
            ValueError: If it was fitted on fewer columns.
        """
        made = [columns.transform(given) for _, columns in self.steps]
        return self._beside(matrix, np.hstack([np.zeros((len(matrix), 0)), *made]), diet)

    def _beside(self, matrix: NDArray[np.float64], made: NDArray[np.float64], diet: Diet) -> NDArray[np.float64]:
        found = np.hstack([matrix, self._complete(made) if diet == "codes" else self.dense.transform(made)])
        if self.kept is None:
            return found
        if self.kept[-1] >= found.shape[1]:
            raise ValueError("its features keep columns that are not there")
        return found[:, self.kept]

    def _complete(self, made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gaps of quantities that had none in the fit filled by their medians, as those of the table's own columns."""
        levels = [np.full(state.count, isinstance(state, LevelColumns)) for _, state in self.steps]
        new = np.isnan(made) & ~self.dense.gaps & ~np.concatenate([np.zeros(0, dtype=np.bool_), *levels])
        return np.where(new, self.dense.centre, made) if new.any() else made

    def categorical(self, columns: Sequence[int], own: int) -> tuple[int, ...]:
        """Where level codes are in what a model of the diet `codes` eats.

        Args:
            columns: Where they are among its own columns.
            own: How many these are.
        """
        found, place = list(columns), own
        for _, state in self.steps:
            if isinstance(state, LevelColumns):
                found += range(place, place + state.count)
            place += state.count
        return tuple(found) if self.kept is None else tuple(np.flatnonzero(np.isin(self.kept, found)).tolist())

    def nothing(self) -> Given:
        """What columns are made from, with zero rows."""
        return Given(np.zeros((0, self.width)), (TextRows.of([]),) * self.texts)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        return {
            "width": self.width,
            "texts": self.texts,
            "steps": [[name, columns.to_json()] for name, columns in self.steps],
            "dense": self.dense.to_json(),
            "kept": None if self.kept is None else self.kept.tolist(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], width: int, texts: int = 0) -> Made:
        """What `to_json` described, for tables of `width` columns of codes and so many text columns.

        A state from before there were steps that read texts counts only the plan's own columns, which come first.

        Raises:
            ValueError: If it names columns that are not there, or its parts do not fit together.
        """
        read, known = state.get("texts", 0), width if "texts" in state else width - texts
        if state["width"] != known or read not in {0, texts}:
            raise ValueError("its features are those of another table")
        steps = tuple(
            (name, STEPS[name].from_json(inner, read if name in TEXT_STEPS else known))
            for name, inner in state["steps"]
        )
        kept = None if state.get("kept") is None else _places(state["kept"])
        found = cls(steps, Dense.from_json(state["dense"]), width, read, kept)
        parts = (found.dense.levels, found.dense.centre, found.dense.scale, found.dense.gaps)
        sound = (
            np.isfinite(found.dense.centre).all()
            and np.isfinite(found.dense.scale).all()
            and not found.dense.levels.any()
        )
        useful = found.count > 0 or kept is not None
        if not useful or any(part.shape != (found.count,) for part in parts) or not sound:
            raise ValueError("its features do not fit together")
        return found


def _places(kept: list[Any]) -> NDArray[np.int64]:
    whole = all(type(place) is int and 0 <= place < 2**31 for place in kept)
    found = np.array(kept if whole else [], dtype=np.int64)
    if not len(found) or not (np.diff(found) > 0).all():
        raise ValueError("its features keep columns that are not there")
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
        None and the matrix as it is where nothing is asked for, or nothing was found worth making or leaving out.
    """
    wanted = {} if config is None else dict(config.get(_MADE, {}))
    names = [name for name in STEPS if wanted.get(name)]
    fitted = [(name, STEPS[name].fit(rows, int(wanted[_MOST]))) for name in names]
    made = np.hstack([np.zeros((len(matrix), 0)), *(columns for _, (_, columns) in fitted)])
    steps = tuple((name, state) for name, (state, _) in fitted if state.count)
    dense = Dense.fit(made, np.zeros(made.shape[1], dtype=np.int64))
    found = Made(steps, dense, rows.codes.shape[1], len(rows.given.texts))
    full = found._beside(matrix, made, diet)  # noqa: SLF001 - its own constructor
    kept = _kept([name for name in SELECTIONS if wanted.get(name)], full, rows)
    if kept is None and not steps:
        return None, matrix
    return (found, full) if kept is None else (replace(found, kept=kept), full[:, kept])


def _kept(names: Sequence[str], matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.int64] | None:
    """The places of the columns that all selections keep, one after the other; None if all stay, or none would."""
    places = np.arange(matrix.shape[1])
    for name in names:
        stay = SELECTIONS[name].keep(matrix[:, places], rows)
        places = places[stay] if stay.any() else places
    return None if len(places) == matrix.shape[1] else places


def aims_of(y: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """What steps look at, shape (n, k): an indicator of each class, or the number.

    Of many classes only the ten most common ones. Numbers are cut off at their first and last percentile, so that a few
    enormous ones do not decide what is made.
    """
    if n_classes:
        codes = y.astype(np.int64)
        common = np.argsort(-np.bincount(codes, minlength=n_classes), kind="stable")[:_CLASSES]
        return np.asarray(codes[:, None] == np.sort(common), dtype=np.float64)
    cut: NDArray[np.float64] = np.clip(y, *np.quantile(y, [0.01, 0.99]))[:, None]
    return cut
