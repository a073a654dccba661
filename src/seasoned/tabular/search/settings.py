"""What the search may try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Space
from seasoned.tabular.search.user_spaces import declared, told

if TYPE_CHECKING:
    from seasoned.tabular.models._common.base import Model

__all__ = ["SearchSettings", "check_number"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of the search over models.

    Attributes:
        models: Names of the families to use, from `linear`, `lightgbm`, `splines`, `tree`, `extra_trees`, `histogram`,
            `forest`, `neighbours`, `mlp`, `xgboost` and `catboost`, and own ones as `CustomModel`; all of these that
            are installed if None. `realmlp`, a network trained in JAX, and `adaptive_linear` and `tuned_mlp`, whose
            penalties are tuned by hypergradient while they train, take part when they are named. "default" stands for
            all of the usual ones, and "-" leaves one out: `["-mlp"]`, `["default", "realmlp", "-mlp"]`.
        folds: Number of cross-validation folds; chosen by rows and time limit if None. A number, splitter or pairs as
            the estimator's `validation=` take precedence; where that names a column of times, this says how many folds.
        features: Names of steps that may make further columns, from `arithmetic`, `groups`, `frequency`, `encoding`,
            `levels`, `cycles`, `bins`, `text_statistics` and `text_words`, and of those that may leave columns out,
            `redundant` and `uninformative`; or "all". Families are then tried without and with them. None means all
            from 12,000 rows on; with fewer rows, or [], there are no steps, but CatBoost is given the levels of columns
            with more than 100.
        ensemble: Most models that predict together, weighted by greedy selection; 1 for the best model alone.
        calibrate: Whether probabilities are calibrated on out-of-fold predictions: by default for log_loss, brier and
            cost, if that clearly helps; True for any metric; False for none, which leaves out learned pools of
            probabilities, too.
        predict_limit: Milliseconds that predicting a row may take, in batches of 1,000 rows on this machine; models and
            ensemble are chosen under it. Where nothing is so quick, the quickest model predicts and the log says so.
            What is chosen then depends on time.
        layers: 2 for a second layer of models, which learn from the columns and from what the members predict for rows
            that they have not seen, where that helps on rows held out of everything; 1 for none.
        spaces: Family -> hyperparameters that are to be searched differently, as a dict or a `Space`: name -> a range
            (`Int`, `Float`, `Categorical`), narrower or wider, or one value, which is held fixed. What is not named is
            searched as usual. The leaderboard's configurations show the names. The search of a range begins from the
            family's default where the range contains it, unless the range declares a default that is not its middle
            (for categories, not the first).
        starts: Configurations that are tried before all but the first two defaults: `{family: {name: value}}`, as the
            columns `model` and `config` of a leaderboard have them for trials of the same settings; what is left out is
            as in the family's first configuration.

    Example:
        >>> SearchSettings(models=["linear", "lightgbm"], folds=3).folds
        3
    """

    models: Sequence[str | Model] | None = None
    folds: int | None = None
    ensemble: int = 10
    features: Sequence[str] | None = None
    calibrate: bool | None = None
    predict_limit: float | None = None
    layers: int = 1
    spaces: Mapping[str, Mapping[str, Any] | Space] | None = None
    starts: Sequence[Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.models, str):
            raise InvalidInput(f"models is {self.models!r}; pass a list of names, such as [{self.models!r}].")
        check_number("folds", self.folds, Integral, "a whole number, or None for the default")
        check_number("ensemble", self.ensemble, Integral, "a whole number", needed=True)
        check_number("predict_limit", self.predict_limit, Real, "a number of milliseconds, or None for no limit")
        if self.folds is not None and self.folds < 2:
            raise InvalidInput(f"folds is {self.folds}; cross-validation needs at least 2.")
        if not (self.calibrate is None or isinstance(self.calibrate, bool)):
            raise InvalidInput(f"calibrate is {self.calibrate!r}; use True, False, or None for where it helps.")
        if self.predict_limit is not None and not self.predict_limit > 0:
            raise InvalidInput(f"predict_limit is {self.predict_limit}; it is in milliseconds and must be above 0.")
        if self.ensemble < 1:
            raise InvalidInput(f"ensemble is {self.ensemble}; at least 1 model must predict.")
        check_number("layers", self.layers, Integral, "1 or 2", needed=True)
        if self.layers not in {1, 2}:
            raise InvalidInput(f"layers is {self.layers}; use 2 for a second layer where it helps, or 1 for none.")
        _check_spaces(self.spaces)
        _check_starts(self.starts)
        if self.spaces is not None:
            object.__setattr__(self, "spaces", told(self.spaces, "a value in spaces"))
        if self.starts is not None:
            object.__setattr__(self, "starts", [told(start, "a value in starts") for start in self.starts])

    def to_plain(self) -> dict[str, Any] | None:
        """The settings in JSON's types; None where a family of the user's own is among them."""
        if self.models is not None and not all(isinstance(model, str) for model in self.models):
            return None
        spaces = None if self.spaces is None else declared(self.spaces)
        usual = {field.name: _plain(getattr(self, field.name)) for field in fields(self) if field.name != "spaces"}
        return usual | {"spaces": spaces}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> SearchSettings:
        """The settings that `to_plain` described.

        Raises:
            TypeError: If there is a setting that this version does not know.
        """
        spaces = plain.get("spaces")
        read = None if spaces is None else {family: Space.from_dict(space) for family, space in spaces.items()}
        return cls(**{**plain, "spaces": read})


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else list(value)


def _check_spaces(spaces: Any) -> None:
    """Refuse what is no mapping of mappings; its contents are checked against the families when these are known."""
    if spaces is not None and not isinstance(spaces, Mapping):
        raise InvalidInput(f'spaces is {spaces!r}; pass a dict, such as {{"lightgbm": {{"num_leaves": Int(8, 64)}}}}.')
    for family, given in (spaces or {}).items():
        if not isinstance(given, Mapping | Space):
            raise InvalidInput(f"spaces[{family!r}] is {given!r}; give a dict of its hyperparameters, or a Space.")


def _check_starts(starts: Any) -> None:
    if starts is not None and (isinstance(starts, str | Mapping) or not isinstance(starts, Sequence)):
        raise InvalidInput(f'starts is {starts!r}; pass a list, such as [{{"lightgbm": {{"num_leaves": 31}}}}].')
    for place, start in enumerate(starts or ()):
        if not isinstance(start, Mapping):
            raise InvalidInput(f"starts[{place}] is {start!r}; give a dict of a family and its settings.")


def check_number(name: str, value: Any, kind: type, what: str, *, needed: bool = False) -> None:
    """Refuse what is no number, before it is compared with one."""
    if (needed or value is not None) and (isinstance(value, bool) or not isinstance(value, kind)):
        raise InvalidInput(f"{name} is {value!r}; it must be {what}.")
