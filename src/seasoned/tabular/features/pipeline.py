"""Pipeline of all feature steps: from the training rows of a fold to the input matrix of a model."""

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
    "FeaturePipeline",
    "choose_steps",
    "fit_features",
    "has_steps",
    "most_columns",
    "only_levels",
    "reads_texts",
    "split_features",
    "starts_with_features",
    "steps_for",
    "target_columns",
    "with_features",
]

FEATURES: Final = "features"
"""Parameter of a family's space that selects the features."""
LEVELS: Final = "levels"
"""Name of the step that returns the codes of columns with very many levels."""
TEXT_STEPS: Final[Mapping[str, Step]] = {step.name: step for step in (TextStatistics(), TextWords())}
"""Steps that read texts."""
STEPS: Final[Mapping[str, Step]] = {
    step.name: step for step in (Arithmetic(), GroupStatistics(), Frequency(), Encoding(), Levels(), Cycles(), Bins())
} | dict(TEXT_STEPS)
NEEDS: Final[Mapping[str, str]] = {**dict.fromkeys(TEXT_STEPS, "text"), LEVELS: "text", "cycles": "date"}
"""Column type that a step requires; the search space of a table without such columns excludes the step."""
SELECTIONS: Final[Mapping[str, Selection]] = {step.name: step for step in (Redundant(), Uninformative())}
"""Feature selections, applied after all steps to new columns and to the table's own columns."""
_NONE, _MADE, _MOST = "none", "made", "columns"
_MIN_TEXT_ROWS: Final = 12_000  # smallest number of rows for steps that read texts, by default
_CLASSES: Final = 10  # largest number of target classes that steps use, the most common ones
_FIRST: Final = 2  # number of families whose first configuration is tried with features as well


def choose_steps(names: Sequence[str] | None) -> tuple[str, ...]:
    """Validate names of steps and sort them as in `STEPS` and `SELECTIONS`; "all" selects every step, None no step.

    Raises:
        InvalidInput: If a name is unknown.
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
    """Names of the steps of a fit on `rows` rows; None selects those that read texts from 12,000 rows on.

    Example:
        >>> steps_for(None, 1_000), steps_for(["bins"], 1_000), steps_for(None, 20_000)
        ((), ('bins',), ('text_statistics', 'text_words'))
    """
    return choose_steps(tuple(TEXT_STEPS) if names is None and rows >= _MIN_TEXT_ROWS else names)


def with_features(space: Space, steps: Sequence[str]) -> Space:
    """Add the optional parameter `features` to a family's space, none by default; without steps the space is unchanged.

    Example:
        >>> with_features(Space(), ["arithmetic"]).default
        {'features': {'none': {}}}
    """
    if not steps or FEATURES in space.parameters:  # a custom family may define a parameter `features`
        return space
    usual = [name for name in steps if name not in SELECTIONS] or steps  # steps that the first configurations use
    made = Space(
        {
            **{name: Categorical((True, False), default=name in usual) for name in steps},
            _MOST: Int(3, 100, log=True, default=20),
        },
    )
    choice = Choice({_NONE: Space(), _MADE: made})
    return Space({**space.parameters, FEATURES: choice}, forbidden=space.forbidden)


def complete_steps(choice: Mapping[str, Any], known: Choice) -> dict[str, Any]:
    """Return a choice of steps with False for the known steps that it does not name, such as steps of later versions.

    Args:
        choice: The value of `FEATURES` in a configuration.
        known: The present parameter.
    """
    made = known.options.get(_MADE)
    if made is None or _MADE not in choice:
        return dict(choice)
    unused = {name: False for name, parameter in made.parameters.items() if isinstance(parameter, Categorical)}
    return {_MADE: {**unused, **choice[_MADE]}}


def reads_texts(choice: Mapping[str, Any] | None) -> bool:
    """True if a configuration uses a step that reads texts, not only their codes."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return any(wanted.get(name) for name in TEXT_STEPS)


def has_steps(choice: Mapping[str, Any] | None) -> bool:
    """True if a configuration uses any step."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return any(wanted.get(name) for name in (*STEPS, *SELECTIONS))


def only_levels(choice: Mapping[str, Any] | None) -> bool:
    """True if `levels` is the only step of a configuration's space: its columns exist in the table already."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return wanted.keys() == {LEVELS, _MOST}


def most_columns(choice: Mapping[str, Any] | None) -> int:
    """Largest number of new columns of a configuration."""
    wanted = {} if choice is None else choice.get(_MADE, {})
    return sum(bool(wanted.get(name)) for name in STEPS) * int(wanted.get(_MOST, 0))


def starts_with_features(starts: Iterable[Mapping[str, Any]], space: Space) -> list[dict[str, Any]]:
    """Initial configurations as points of the joint space with features.

    Each configuration is tried without features first. The first two families of the list, the cheapest, are then tried
    again with all steps, so that the search measures the benefit of features early. A family whose only step is
    `levels` starts with that step, because its columns exist in the table already.

    Args:
        starts: Configurations `{"model": {family: {...}}}` without features.
        space: Joint space of the families, with the parameter `features` where features are possible.
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
    """Split a family's settings from its parameter `features`; None if the settings have no such value."""
    choice = settings.get(FEATURES)
    if not isinstance(choice, Mapping) or not set(choice) <= {_NONE, _MADE}:
        return dict(settings), None
    return {name: value for name, value in settings.items() if name != FEATURES}, choice


@dataclass(frozen=True, slots=True, eq=False)
class FeaturePipeline:
    """Fitted feature pipeline: steps, scaling of their columns, and retained columns. Plain data.

    Attributes:
        steps: Name and fitted state of each step.
        dense: Scaling of the new columns, for models with the input encoding `dense`.
        width: Number of input columns of codes.
        texts: Number of input text columns; 0 if the steps read only codes.
        selection: Indices of the retained columns among the model's own columns and the new columns, ascending; None
            for all.
    """

    steps: tuple[tuple[str, Columns], ...]
    dense: Dense
    width: int
    texts: int = 0
    selection: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        """Number of new columns."""
        return sum(columns.count for _, columns in self.steps)

    @property
    def reads_texts(self) -> bool:
        """True if a step reads texts, not only their codes."""
        return any(name in TEXT_STEPS for name, _ in self.steps)

    def extend(self, given: Given, matrix: NDArray[np.float64], diet: Diet) -> NDArray[np.float64]:
        """Return the input matrix of a model: its columns and the new columns, without dropped columns.

        Args:
            given: Inputs of the steps.
            matrix: The same rows in the model's input encoding, shape (n, p).
            diet: Input encoding of the model.

        Raises:
            ValueError: If the pipeline was fitted on a different number of columns.
        """
        made = [columns.transform(given) for _, columns in self.steps]
        return self._beside(matrix, np.hstack([np.zeros((len(matrix), 0)), *made]), diet)

    def _beside(self, matrix: NDArray[np.float64], made: NDArray[np.float64], diet: Diet) -> NDArray[np.float64]:
        found = np.hstack([matrix, self._complete(made) if diet == "codes" else self.dense.transform(made)])
        if self.selection is None:
            return found
        if self.selection[-1] >= found.shape[1]:
            raise ValueError("its features keep columns that are not there")
        return found[:, self.selection]

    def _complete(self, made: NDArray[np.float64]) -> NDArray[np.float64]:
        """Impute medians in columns that had no missing values in the fit, as for the table's own columns."""
        levels = [np.full(state.count, isinstance(state, LevelColumns)) for _, state in self.steps]
        new = np.isnan(made) & ~self.dense.gaps & ~np.concatenate([np.zeros(0, dtype=np.bool_), *levels])
        return np.where(new, self.dense.centre, made) if new.any() else made

    def categorical(self, columns: Sequence[int], own: int) -> tuple[int, ...]:
        """Indices of the level codes in the input matrix of a model with the input encoding `codes`.

        Args:
            columns: Indices of the level codes among the model's own columns.
            own: Number of the model's own columns.
        """
        found, place = list(columns), own
        for _, state in self.steps:
            if isinstance(state, LevelColumns):
                found += range(place, place + state.count)
            place += state.count
        return (
            tuple(found) if self.selection is None else tuple(np.flatnonzero(np.isin(self.selection, found)).tolist())
        )

    def nothing(self) -> Given:
        """Return empty inputs of the steps (zero rows)."""
        return Given(np.zeros((0, self.width)), (TextRows.of([]),) * self.texts)

    def to_json(self) -> dict[str, Any]:
        """State for `from_json`."""
        return {
            "width": self.width,
            "texts": self.texts,
            "steps": [[name, columns.to_json()] for name, columns in self.steps],
            "dense": self.dense.to_json(),
            "selection": None if self.selection is None else self.selection.tolist(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any], width: int, texts: int = 0) -> FeaturePipeline:
        """Restore a pipeline from `to_json`, for tables of `width` columns of codes and `texts` text columns.

        A state without the key `texts` comes from an earlier version. Its columns of codes are the plan's own columns,
        which come first.

        Raises:
            ValueError: If the state names a column out of range, or its parts are inconsistent.
        """
        read, known = state.get("texts", 0), width if "texts" in state else width - texts
        if state["width"] != known or read not in {0, texts}:
            raise ValueError("its features are those of another table")
        steps = tuple(
            (name, STEPS[name].from_json(inner, read if name in TEXT_STEPS else known))
            for name, inner in state["steps"]
        )
        selection = None if state.get("selection") is None else _places(state["selection"])
        found = cls(steps, Dense.from_json(state["dense"]), width, read, selection)
        parts = (found.dense.levels, found.dense.centre, found.dense.scale, found.dense.gaps)
        sound = (
            np.isfinite(found.dense.centre).all()
            and np.isfinite(found.dense.scale).all()
            and not found.dense.levels.any()
        )
        useful = found.count > 0 or selection is not None
        if not useful or any(part.shape != (found.count,) for part in parts) or not sound:
            raise ValueError("its features do not fit together")
        return found


def _places(selection: list[Any]) -> NDArray[np.int64]:
    whole = all(type(place) is int and 0 <= place < 2**31 for place in selection)
    found = np.array(selection if whole else [], dtype=np.int64)
    if not len(found) or not (np.diff(found) > 0).all():
        raise ValueError("its features keep columns that are not there")
    return found


def fit_features(
    config: Mapping[str, Any] | None, rows: Rows, matrix: NDArray[np.float64], diet: Diet
) -> tuple[FeaturePipeline | None, NDArray[np.float64]]:
    """Fit the feature steps of a configuration, and return the pipeline with the extended training matrix.

    Args:
        config: Value of the parameter `features`; None without features.
        rows: The training rows.
        matrix: The same rows in the model's input encoding.
        diet: Input encoding of the model.

    Returns:
        None and the unchanged matrix if the configuration has no step, or no column was added or dropped.
    """
    wanted = {} if config is None else dict(config.get(_MADE, {}))
    names = [name for name in STEPS if wanted.get(name)]
    fitted = [(name, STEPS[name].fit(rows, int(wanted[_MOST]))) for name in names]
    made = np.hstack([np.zeros((len(matrix), 0)), *(columns for _, (_, columns) in fitted)])
    steps = tuple((name, state) for name, (state, _) in fitted if state.count)
    dense = Dense.fit(made, np.zeros(made.shape[1], dtype=np.int64))
    found = FeaturePipeline(steps, dense, rows.codes.shape[1], len(rows.given.texts))
    full = found._beside(matrix, made, diet)  # noqa: SLF001 - its own constructor
    selection = _selected_columns([name for name in SELECTIONS if wanted.get(name)], full, rows)
    if selection is None and not steps:
        return None, matrix
    return (found, full) if selection is None else (replace(found, selection=selection), full[:, selection])


def _selected_columns(names: Sequence[str], matrix: NDArray[np.float64], rows: Rows) -> NDArray[np.int64] | None:
    """Indices of the columns that pass all selections in sequence; None if all columns pass.

    A selection that would drop every column is skipped.
    """
    places = np.arange(matrix.shape[1])
    for name in names:
        stay = SELECTIONS[name].keep(matrix[:, places], rows)
        places = places[stay] if stay.any() else places
    return None if len(places) == matrix.shape[1] else places


def target_columns(y: NDArray[Any], n_classes: int) -> NDArray[np.float64]:
    """Target of the feature steps, shape (n, k): an indicator of each class, or the number.

    Only the ten most common classes are used. Numbers are clipped at their first and last percentile, so that outliers
    do not dominate the selection of features.
    """
    if n_classes:
        codes = y.astype(np.int64)
        common = np.argsort(-np.bincount(codes, minlength=n_classes), kind="stable")[:_CLASSES]
        return np.asarray(codes[:, None] == np.sort(common), dtype=np.float64)
    cut: NDArray[np.float64] = np.clip(y, *np.quantile(y, [0.01, 0.99]))[:, None]
    return cut
