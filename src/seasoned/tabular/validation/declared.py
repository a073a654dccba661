"""Validation setting of the user, as folds of the rows. A number of folds keeps groups whole."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.tabular.validation.time_series import forward_folds, read_times

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from seasoned.tabular.input.sample_roles import Roles
    from seasoned.tabular.input.target import Target
    from seasoned.tabular.validation.folds import Fold

__all__ = ["MANY_GROUPS", "ByTurns", "declared_folds", "is_fold_count", "refuse_labels"]

logger = logging.getLogger("seasoned.tabular")

MANY_GROUPS: Final = 5_000
"""Largest number of groups for scikit-learn's splitters; their time for each group is too long for more groups."""


def is_fold_count(validation: Any) -> bool:
    """Return True for None and whole numbers: the folds are then seasoned's own, and keep groups whole."""
    return validation is None or isinstance(validation, int | np.integer)


def declared_folds(
    validation: Any, folds: int | None, frame: pd.DataFrame, target: Target, roles: Roles, *, default: int = 5
) -> int | list[Fold] | None:
    """Return the folds of the setting, or only their number (None: the default) if rows may be split freely.

    Args:
        validation: None; a number of folds; the name of a time column; a scikit-learn splitter, which also receives the
            groups; or (train, validation) pairs of row indices or masks.
        folds: Number of folds if `validation` is None or a time column; None for the default.
        frame: Rows that have a target.
        target: The target of these rows, with the mask of these rows among the rows of `fit`.
        roles: Groups of the rows. With groups and a number of folds, no group is on both sides of a fold. A time
            column, a splitter and pairs take precedence; a warning counts the groups that they split.
        default: Default number of folds; 1 for one held-out part.

    Raises:
        InvalidInput: If the setting does not fit the rows.
    """
    name, count = ("folds", folds) if validation is None else ("validation", validation)
    if isinstance(validation, str):
        return _told(forward_folds(read_times(frame, validation), folds or default), roles)
    if hasattr(validation, "split"):
        return _told(_split(validation, frame, target, roles, own=True), roles)
    if is_fold_count(count):
        whole = None if count is None else int(count)
        _check_count(name, whole, len(frame), roles)
        return whole if roles.groups is None else _group_folds(whole, default, frame, target, roles)
    return _told(_pairs(validation, target.labelled), roles)


def _told(folds: list[Fold], roles: Roles) -> list[Fold]:
    """Return the folds, with a warning about groups that they split: the score may then be too good."""
    if roles.groups is not None:
        split = {
            int(group) for train, valid in folds for group in np.intersect1d(roles.groups[train], roles.groups[valid])
        }
        if split:
            logger.warning(
                "%d of %d groups have rows on both sides of a fold, as validation= asks; their scores may be too good.",
                len(split),
                int(roles.groups.max()) + 1,
            )
    return folds


def _check_count(name: str, count: int | None, rows: int, roles: Roles) -> None:
    most, of = (rows, "row(s)") if roles.groups is None else (int(roles.groups.max()) + 1, "groups")
    if count is not None and most > 1 and not 2 <= count <= most:
        raise InvalidInput(f"{name} is {count}; with {most} {of} it must be from 2 to {most}.")


def _group_folds(count: int | None, default: int, frame: pd.DataFrame, target: Target, roles: Roles) -> list[Fold]:
    """Return folds of whole groups, stratified by class as far as the groups allow."""
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    assert roles.groups is not None, "the caller has looked"
    groups = int(roles.groups.max()) + 1
    if groups < 2:
        raise InvalidInput("groups holds one group only, so nothing is left to validate on; leave groups out.")
    holdout = count is None and default == 1  # one held-out fifth of the groups
    splits = count or min(5 if holdout else default, groups)
    kinds = [GroupKFold] if target.task == "regression" else [StratifiedGroupKFold, GroupKFold]
    if len(target.classes) and groups > MANY_GROUPS:
        kinds = [ByTurns]
    for kind in kinds:
        try:
            found = _split(kind(splits), frame, target, roles)
        except InvalidInput:  # no class fills every fold, or a fold stays empty: stratification is impossible
            continue
        fifth = len(frame) / splits
        return [min(found, key=lambda fold: abs(len(fold[1]) - fifth))] if holdout else found
    raise InvalidInput(f"the {groups} groups cannot be dealt to {splits} folds; pass a smaller number.")


class ByTurns:
    """Group folds: the groups, sorted by their most common class and their size, are dealt to the folds in turn.

    Each fold then has about the same number of groups of every class and size.

    Args:
        splits: Number of folds.
    """

    def __init__(self, splits: int) -> None:
        self._splits = splits

    def split(self, X: Any, y: NDArray[np.int64], groups: NDArray[np.int64]) -> Iterator[Fold]:  # noqa: ARG002
        """Yield (train, validation) row indices, in ascending order."""
        classes, most = int(y.max()) + 1, int(groups.max()) + 1
        pairs, counts = np.unique(groups * classes + y, return_counts=True)
        rising = np.argsort(counts, kind="stable")
        commonest = np.zeros(most, dtype=np.int64)
        commonest[pairs[rising] // classes] = pairs[rising] % classes  # the last write is the most common class
        turn = np.empty(most, dtype=np.int64)
        there = np.arange(most) % (2 * self._splits)  # alternating order balances the sizes of the folds
        back = np.minimum(there, 2 * self._splits - 1 - there)
        turn[np.lexsort((np.bincount(groups, minlength=most), commonest))] = back
        for fold in range(self._splits):
            held = turn[groups] == fold
            yield np.flatnonzero(~held), np.flatnonzero(held)


def _split(splitter: Any, frame: pd.DataFrame, target: Target, roles: Roles, *, own: bool = False) -> list[Fold]:
    """Return the folds of a splitter; the user's own splitter receives the original labels and groups, not codes."""
    labels = target.classes[target.values] if own and len(target.classes) else target.values
    groups = roles.names if own and roles.names is not None else roles.groups
    given = (frame, labels) if groups is None else (frame, labels, groups)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")  # rare classes may lack in a fold
        warnings.filterwarnings("ignore", message="The groups parameter is ignored")  # `_told` warns of split groups
        try:
            dealt = list(splitter.split(*given))
            if _beyond(dealt, len(frame)):  # indices of all rows of `fit`, as from `PredefinedSplit`
                return _pairs(dealt, target.labelled)
            found = [_rows(pair, len(frame)) for pair in dealt]
        except InvalidInput:
            raise
        except Exception as error:  # a user's splitter may raise any error
            if not own and not isinstance(error, ValueError | TypeError):
                raise
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            hint = "pass groups= to fit" if "groups" in reason and roles.groups is None else "use another"
            raise InvalidInput(f"{type(splitter).__name__} cannot split these rows ({reason}); {hint}.") from error
    return _checked(found)


def _beyond(dealt: list[Any], rows: int) -> bool:
    return any(
        np.size(part) and np.asarray(part).dtype.kind in "iu" and np.max(part) >= rows for p in dealt for part in p
    )


def _pairs(validation: Any, kept: NDArray[np.bool_]) -> list[Fold]:
    """Return the folds of pairs that index the rows of `fit`, without the rows that lack a target."""
    place = np.where(kept, np.cumsum(kept) - 1, -1)
    try:
        pairs = [_rows(pair, len(kept)) for pair in validation]
    except InvalidInput:
        raise
    except (TypeError, ValueError):
        raise InvalidInput(
            f"validation is {validation!r}; pass a number of folds, a scikit-learn splitter, the name of the column "
            "that tells the time, or (train, validation) pairs of row indices."
        ) from None
    return _checked([(place[train][kept[train]], place[valid][kept[valid]]) for train, valid in pairs])


def _rows(pair: Iterable[Any], rows: int) -> Fold:
    """Return a pair as two arrays of row indices."""
    train, valid = (_indices(part, rows) for part in pair)
    return train, valid


def _indices(part: Any, rows: int) -> NDArray[np.int64]:
    found = np.asarray(part)
    if found.dtype == bool and found.shape == (rows,):
        return np.flatnonzero(found)
    if found.ndim != 1 or (found.dtype.kind not in "iu" and found.size):
        raise InvalidInput(
            f"validation holds {type(part).__name__} of type {found.dtype} and shape {found.shape}; pass (train, "
            f"validation) pairs of row indices, or of masks of {rows} rows; append a separate validation set "
            "(X_val, y_val) to X and y and pass one pair: [(range(len(X)), range(len(X), len(X) + len(X_val)))]."
        )
    if found.size and not 0 <= found.min() <= found.max() < rows:
        raise InvalidInput(
            f"validation names rows from {found.min()} to {found.max()}, beyond the {rows} of this table; make the "
            "folds from the same rows."
        )
    return found.astype(np.int64)


def _checked(folds: list[Fold]) -> list[Fold]:
    if not folds or any(not len(train) or not len(valid) for train, valid in folds):
        raise InvalidInput("validation gives an empty fold; use fewer folds or another splitter.")
    for train, valid in folds:
        shared = np.intersect1d(train, valid)
        if len(shared):
            raise InvalidInput(
                f"validation uses row {shared[0]} for both training and validation; keep them apart, or a model is "
                "judged on rows it has seen."
            )
    return folds


def refuse_labels(validation: Any, X: Any) -> None:
    """Refuse pairs of index labels that are not the positions of the rows: other rows would validate.

    Raises:
        InvalidInput: If `validation` contains such labels.
    """
    index: Any = getattr(X, "index", None)
    if not isinstance(validation, list | tuple) or not hasattr(index, "get_indexer"):
        return
    if len(index) and np.array_equal(np.asarray(index), np.arange(len(index))):
        return
    if any(hasattr(part, "get_indexer") for pair in validation if isinstance(pair, list | tuple) for part in pair):
        raise InvalidInput(
            "validation holds labels of an index, but the index of X is not 0, 1, 2, ...; pass positions, "
            "[(X.index.get_indexer(train), X.index.get_indexer(valid))]."
        )
