"""Column roles, holdout and validation of a table, as the options of a command declare them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned._util.equivalents import did_you_mean
from seasoned.errors import InvalidInput
from seasoned.tabular.input.files import read_table
from seasoned.tabular.input.label_spellings import folded
from seasoned.tabular.input.sample_roles import read_groups, read_weights
from seasoned.tabular.input.target import without_gaps
from seasoned.tabular.validation.time_series import read_times

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Declared"]


@dataclass(frozen=True, slots=True)
class Declared:
    """Options of a command about the columns and rows of a table.

    Attributes:
        target: The column to predict.
        weights: The column of sample weights; None for equal weights.
        groups: The column of group labels; None without groups.
        validation: The name of the time column, else a number of folds, else the path of a file of validation rows.
            None for the default.
        ignored: Columns that are left out.
        class_weight: Weights by class, as the argument `sample_weight` of `fit`; None for equal weights.
    """

    target: str
    weights: str | None = None
    groups: str | None = None
    validation: str | None = None
    ignored: tuple[str, ...] = ()
    class_weight: Any = None

    def check(self, frame: pd.DataFrame) -> None:
        """Refuse missing columns and invalid weights before the fit, which does not read the weights of held-out rows.

        Raises:
            InvalidInput: If a column is missing or has two roles, or weights are negative, missing or set twice.
        """
        roles = {"--target": self.target, "--weights": self.weights, "--groups": self.groups}
        given = {option: column for option, column in roles.items() if column is not None}
        for option, column in given.items():
            if column not in frame.columns:
                raise InvalidInput(f"{option} is {column!r}, and there is no such column{_others(column, frame)}")
        self._check_ignored(frame, given)
        twice = next((column for column in given.values() if list(given.values()).count(column) > 1), None)
        if twice is not None:
            raise InvalidInput(f"the column {twice!r} is given two roles; a column has one.")
        what = self.validation
        other = next((option for option, column in given.items() if column == what), None)
        if other is not None:
            raise InvalidInput(f"--validation is {what!r}, the column of {other}; a column has one role.")
        if what is not None and not what.isdecimal() and what not in frame.columns and not Path(what).is_file():
            raise InvalidInput(
                f"--validation is {what!r}, which is neither a number of folds, nor a column of times, nor a file of "
                "validation rows; give one of these."
            )
        if self.weights is not None:
            if self.class_weight is not None:
                raise InvalidInput("--weights and --class-weight are both given; leave one of them out.")
            read_weights(frame[self.weights], len(frame))

    def _check_ignored(self, frame: pd.DataFrame, given: dict[str, str]) -> None:
        strange = [column for column in self.ignored if column not in frame.columns]
        if strange:
            raise InvalidInput(
                f"--ignore names {', '.join(map(repr, strange))}, and there is no such column"
                f"{_others(strange[0], frame)}"
            )
        roles = given if self.validation is None else {**given, "--validation": self.validation}
        for option, column in roles.items():
            if column in self.ignored:
                raise InvalidInput(f"--ignore names {column!r}, the column of {option}; leave it out of one of them.")

    def considered(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The table without the ignored columns."""
        return frame.drop(columns=list(self.ignored))

    def features(self, frame: pd.DataFrame, known: Collection[str] = ()) -> pd.DataFrame:
        """The feature columns: all but the target, weights and groups. An absent column is no error.

        Args:
            frame: The table.
            known: Features of a fitted model. They stay, even as weights or groups.
        """
        beside = [column for column in (self.weights, self.groups) if column is not None and column not in known]
        return frame.drop(columns=[self.target, *beside], errors="ignore")

    def roles(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The arguments `sample_weight` and `groups` of `fit`, without undeclared ones."""
        given = {"sample_weight": self.weights_of(frame), "groups": None if self.groups is None else frame[self.groups]}
        return {name: values for name, values in given.items() if values is not None}

    def weights_of(self, frame: pd.DataFrame) -> Any:
        """The argument `sample_weight` for these rows: the weight column, the weights by class, or None."""
        return self.class_weight if self.weights is None else frame[self.weights]

    def counts(self, frame: pd.DataFrame) -> bool:
        """Return False if all of these rows have the weight 0."""
        return self.weights is None or bool(frame[self.weights].any())

    def validated(
        self, train: pd.DataFrame, read: Callable[[Path], pd.DataFrame] = read_table
    ) -> tuple[pd.DataFrame, Any]:
        """The rows to fit, with the rows of a validation file appended, and the argument `validation`.

        Args:
            train: Rows of the table to fit.
            read: Function that reads a file.

        Raises:
            InvalidInput: If the validation file is no table, or lacks a column.
        """
        what = self.validation
        if what is None or what in train.columns:
            return train, what
        if what.isdecimal():
            return train, int(what)
        import pandas as pd

        more = read(Path(what))
        missing = [str(column) for column in train.columns if column not in more.columns]
        if missing:
            raise InvalidInput(f"{Path(what).name!r} lacks the column(s) {', '.join(map(repr, missing))} of the table.")
        more = more[more[self.target].notna()]
        more = more.assign(**{self.target: without_gaps(more[self.target])}) if len(more) else more
        together = pd.concat([train, more[train.columns]], ignore_index=True)
        return together, [(np.arange(len(train)), np.arange(len(train), len(together)))]

    def split(
        self, frame: pd.DataFrame, share: float, seed: int, *, classes: bool
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Split into training rows and held-out rows by the rule of the validation: whole groups, or the latest rows.

        Args:
            frame: All rows.
            share: Share of held-out rows, in [0, 1).
            seed: Seed of the random split.
            classes: True if the target holds classes; a random split is then stratified, where possible.

        Raises:
            InvalidInput: If the share is out of range, or one side is empty.
        """
        if not 0 <= share < 1:
            raise InvalidInput(f"holdout is {share}; it is a share of the rows, from 0 up to but not including 1.")
        if share == 0:
            return frame, frame.iloc[:0]
        train, test = self._rows(frame, share, seed, classes)
        if not len(train) or not len(test):
            raise InvalidInput(f"a holdout of {share:g} leaves no rows on one side; choose another share.")
        return frame.iloc[train], frame.iloc[test]

    def judged(self, train: pd.DataFrame, test: pd.DataFrame, *, classes: bool) -> tuple[pd.DataFrame, int]:
        """Held-out rows that can be scored, and the number of the other held-out rows.

        Rows of a class without training rows cannot be scored. Examples are late classes, and classes of a single
        group.
        """
        import pandas as pd

        if not classes:
            return test, 0
        counted = train if self.weights is None else train[pd.to_numeric(train[self.weights], errors="coerce") > 0]
        known = _comparable(test[self.target]).isin(_comparable(counted[self.target]).unique()).to_numpy()
        return test[known], int((~known).sum())

    def _rows(self, frame: pd.DataFrame, share: float, seed: int, classes: bool) -> tuple[Any, Any]:
        rows = np.arange(len(frame))
        if self.validation in frame.columns:
            times = read_times(frame, str(self.validation))
            first = min(round((1 - share) * len(times)), len(times) - 1)
            late = times >= np.sort(times)[first]  # rows of the same time stay on one side
            return rows[~late], rows[late]
        if self.groups is not None:
            held = _whole_groups(read_groups(frame[self.groups], len(frame))[0], share, seed)
            if held.all():
                raise InvalidInput(f"a holdout of {share:g}, of whole groups, leaves no rows to learn from; take less.")
            return rows[~held], rows[held]
        return self._drawn(frame, share, seed, classes)

    def _drawn(self, frame: pd.DataFrame, share: float, seed: int, classes: bool) -> tuple[Any, Any]:
        """Random split, stratified by class where possible. The only row of a class is a training row."""
        from sklearn.model_selection import train_test_split

        rows, target = np.arange(len(frame)), frame[self.target]
        alone = np.zeros(len(frame), dtype=np.bool_)
        if classes:
            alone = (target.groupby(target, observed=True).transform("size") < 2).to_numpy()
        for strata in (target[~alone], None) if classes else (None,):
            try:
                train, test = train_test_split(rows[~alone], test_size=share, random_state=seed, stratify=strata)
            except ValueError:  # a side is empty or too small for all classes
                continue
            return np.append(train, rows[alone]), test
        raise InvalidInput(f"a holdout of {share:g} leaves no rows on one side; choose another share.")


def _others(column: str, frame: pd.DataFrame) -> str:
    """End of a message: the most similar column name, if any, and all names."""
    names = list(map(str, frame.columns))
    near = did_you_mean(column, names)
    return f"{near} The columns are {', '.join(names)}." if near else f"; the columns are {', '.join(names)}."


def _comparable(labels: pd.Series[Any]) -> pd.Series[Any]:
    """Labels with normalised blanks, width and case, which do not distinguish classes."""
    return labels.map(lambda label: folded(label) if isinstance(label, str) else label)


def _whole_groups(groups: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Mask of held-out rows, shape (n,): random groups, each if it brings the number of rows nearer to the share.

    If every group is too large, the smallest group is held out.
    """
    sizes, taken, held, wanted = np.bincount(groups), [], 0, share * len(groups)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if abs(held + sizes[group] - wanted) < abs(held - wanted):
            taken.append(group)
            held += int(sizes[group])
    return np.isin(groups, taken or [np.argmin(sizes)])
