"""Settings of the search: model families, features, spaces, initial configurations, ensemble and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from seasoned.errors import InvalidInput
from seasoned.space import Space
from seasoned.tabular.search.user_spaces import declared, to_json_types

if TYPE_CHECKING:
    from seasoned.tabular.models._common.base import Model

__all__ = ["SearchSettings", "check_number"]


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """Settings of the search over models.

    Attributes:
        models: Names of the model families: `linear`, `lightgbm`, `splines`, `tree`, `extra_trees`, `histogram`,
            `forest`, `neighbours`, `mlp`, `xgboost` and `catboost`, and own ones as `CustomModel`. None uses all of
            these that are installed. More families take part only if named: `incontext`, a network that reads the
            training rows as context, and `distilled`, trees that learn its predictions; `tabicl` and `tabpfn`,
            published networks of that kind; `realmlp`, a network trained in
            JAX; `adaptive_linear` and `tuned_mlp`, which tune their penalties by hypergradient during training.
            "default" stands for all usual families, and "-" leaves one out: `["-mlp"]`, `["default", "realmlp",
            "-mlp"]`.
        folds: Number of cross-validation folds; None chooses it by rows and time limit. A number, splitter or pairs as
            the estimator's `validation=` take precedence. If `validation=` names a column of times, `folds` is the
            number of folds.
        ensemble: Largest number of models that predict together, weighted by greedy selection; 1 for the best model
            alone.
        features: Names of steps that add columns: `arithmetic`, `groups`, `frequency`, `encoding`, `levels`, `cycles`,
            `bins`, `text_statistics` and `text_words`. Names of steps that drop columns: `redundant` and
            `uninformative`. "all" stands for all steps. Families are tried without and with the steps. None means
            the two steps of texts from 12,000 rows on, and no other steps. Without steps, CatBoost still gets the
            levels of columns with more than 100 levels.
        calibrate: True for a calibration map of the probabilities, learned on out-of-fold predictions. None for no map
            beyond the learned pool, which calibrates for log_loss and brier. False also disables the pool of
            probabilities.
        predict_limit: Largest number of milliseconds to predict a row, in batches of 1,000 rows on this machine. Models
            and ensemble are selected under this limit. If no model is fast enough, the fastest model predicts, and the
            log says so. The result then depends on time.
        layers: 2 for a second layer of models, used if it helps on rows held out of everything; 1 for none. The second
            layer learns from the columns and from the members' predictions for rows that they have not seen.
        spaces: Family -> hyperparameters with other ranges, as a dict or a `Space`: name -> a range (`Int`, `Float`,
            `Categorical`), narrower or wider, or one fixed value. Other hyperparameters keep their ranges. The
            leaderboard's configurations show the names. The search starts from the family's default if the range
            contains it. A default declared in the range takes precedence, unless it is the middle of the range (for
            categories, the first).
        starts: Configurations that are tried before all but the first two defaults: `{family: {name: value}}`, as in
            the columns `model` and `config` of a leaderboard of the same settings. Omitted values are those of the
            family's first configuration.
        prefer: "score" for the ensemble with the smallest validation loss. "simple" for a single model, fitted once,
            if one is statistically equal to the ensemble: its validation loss is at most one standard error higher. A
            linear model, splines and a tree come first, in this order, then the fastest of the other models. The log
            and the summary of the fit state the choice and its cost.
        store_rows: False to exclude families whose fitted models contain training rows, `neighbours` and `incontext`,
            for a file that is passed on. `distilled` then takes the place of `incontext`.

    Raises:
        InvalidInput: If a setting is invalid.

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
    prefer: Literal["score", "simple"] = "score"
    store_rows: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.models, str):
            raise InvalidInput(f"models is {self.models!r}; pass a list of names, such as [{self.models!r}].")
        check_number("folds", self.folds, Integral, "a whole number, or None for the default")
        check_number("ensemble", self.ensemble, Integral, "a whole number", needed=True)
        check_number("predict_limit", self.predict_limit, Real, "a number of milliseconds, or None for no limit")
        if self.folds is not None and self.folds < 2:
            raise InvalidInput(f"folds is {self.folds}; cross-validation needs at least 2.")
        if not (self.calibrate is None or isinstance(self.calibrate, bool)):
            raise InvalidInput(f"calibrate is {self.calibrate!r}; use True, False, or None for the learned pool alone.")
        if not isinstance(self.store_rows, bool):
            raise InvalidInput(
                f"store_rows is {self.store_rows!r}; use True, or False for no family with training rows."
            )
        if self.predict_limit is not None and not self.predict_limit > 0:
            raise InvalidInput(f"predict_limit is {self.predict_limit}; it is in milliseconds and must be above 0.")
        if self.ensemble < 1:
            raise InvalidInput(f"ensemble is {self.ensemble}; at least 1 model must predict.")
        _check_layers(self.layers, self.prefer)
        _check_spaces(self.spaces)
        _check_starts(self.starts)
        if self.spaces is not None:
            object.__setattr__(self, "spaces", to_json_types(self.spaces, "a value in spaces"))
        if self.starts is not None:
            object.__setattr__(self, "starts", [to_json_types(start, "a value in starts") for start in self.starts])

    def to_plain(self) -> dict[str, Any] | None:
        """Settings in JSON types; None if a user's own family is among them."""
        if self.models is not None and not all(isinstance(model, str) for model in self.models):
            return None
        spaces = None if self.spaces is None else declared(self.spaces)
        usual = {field.name: _plain(getattr(self, field.name)) for field in fields(self) if field.name != "spaces"}
        return usual | {"spaces": spaces}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> SearchSettings:
        """Settings from the output of `to_plain`.

        Raises:
            TypeError: If this version does not have a setting.
        """
        spaces = plain.get("spaces")
        read = None if spaces is None else {family: Space.from_dict(space) for family, space in spaces.items()}
        return cls(**{**plain, "spaces": read})


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | None) else list(value)


def _check_layers(layers: Any, prefer: Any) -> None:
    check_number("layers", layers, Integral, "1 or 2", needed=True)
    if layers not in {1, 2}:
        raise InvalidInput(f"layers is {layers}; use 2 for a second layer where it helps, or 1 for none.")
    if prefer not in {"score", "simple"}:
        raise InvalidInput(f'prefer is {prefer!r}; use "score", or "simple" for one model that is equally good.')
    if prefer == "simple" and layers == 2:
        raise InvalidInput('prefer="simple" asks for one model, and layers=2 for two layers; leave one out.')


def _check_spaces(spaces: Any) -> None:
    """Refuse anything but a mapping of mappings. The contents are checked later, against the families."""
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
    """Refuse a value that is no number, before it is compared with one."""
    if (needed or value is not None) and (isinstance(value, bool) or not isinstance(value, kind)):
        raise InvalidInput(f"{name} is {value!r}; it must be {what}.")
