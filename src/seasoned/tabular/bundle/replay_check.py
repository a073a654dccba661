"""Replay check of a saved model: some stored rows are predicted again and compared with their stored predictions.

Rows are stored as canonical columns (numbers, text, dates) in JSON, which preserves floats exactly.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.tabular.preprocessing.sentence_embeddings import EMBEDDING_PACKAGE
from seasoned.tabular.schema.wide_tables import number_places, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from seasoned.tabular.ensemble.fitted_model import Fitted
    from seasoned.tabular.schema.schema import Schema

__all__ = ["changed_versions", "replay", "replay_sample", "rows_from_json", "rows_to_json", "versions"]

_ROWS: Final = 20
_LONGEST: Final = 10_000  # largest number of characters of a stored text
_TOLERANCE: Final = 1e-9  # relative tolerance of predictions in double precision
_SINGLE: Final = 1e-5  # relative tolerance of networks: processors and libraries sum in different orders
_NETWORKS: Final = frozenset({"mlp", "realmlp", "tuned_mlp"})
_PACKAGES: Final = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
_BOOSTERS: Final = frozenset({"catboost", "lightgbm", "xgboost"})  # families of the name of their package
_OF_PREDICTIONS: Final = frozenset({*_PACKAGES, "catboost", EMBEDDING_PACKAGE})
"""Packages that predict for a loaded model; the trees of LightGBM and XGBoost are arrays."""


def versions(fitted: Fitted) -> dict[str, str]:
    """Installed versions of the packages that fitted the model or predict with it."""
    families = {member.name for member in fitted.members}
    embeds = fitted.plan.scores is not None and fitted.plan.scores.embeds
    names = {*_PACKAGES, *_BOOSTERS.intersection(families), *[EMBEDDING_PACKAGE] * embeds}
    return {name: _version(name) for name in sorted(names)}


def changed_versions(stored: Mapping[str, str]) -> list[str]:
    """Packages of predictions whose major or minor version differs from the stored one, as "name 1.2 (here 1.3)"."""
    found = [(name, was, _installed(name)) for name, was in stored.items() if name in _OF_PREDICTIONS]
    return [f"{name} {was} (here {now})" for name, was, now in found if was.split(".")[:2] != now.split(".")[:2]]


def _version(name: str) -> str:
    """Version of a package. XGBoost has a second distribution, without the libraries of graphics processors."""
    try:
        return version(name)
    except PackageNotFoundError:
        return version(f"{name}-cpu")


def _installed(name: str) -> str:
    try:
        return _version(name)
    except PackageNotFoundError:  # its family raises MissingExtra when it is loaded
        return "none"


def replay_sample(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Sample at most 20 evenly spaced rows of a table in canonical form. Texts are cut after 10,000 characters."""
    places = np.unique(np.linspace(0, len(frame) - 1, _ROWS).astype(np.int64))
    rows = schema.apply(frame.iloc[places].reset_index(drop=True))
    for column in schema.used:
        if column.kind in {"category", "text"} and (rows[column.name].str.len() > _LONGEST).any():
            rows[column.name] = rows[column.name].str.slice(stop=_LONGEST)
    return rows


def rows_to_json(rows: pd.DataFrame, fitted: Fitted) -> dict[str, Any]:
    """Plain data: the rows and their present predictions."""
    return {
        "rows": _columns_to_json(rows),
        "predictions": _predict(rows, fitted).tolist(),
    }


def rows_from_json(stored: Mapping[str, Any], schema: Schema) -> pd.DataFrame:
    """Rows that `rows_to_json` stored.

    Raises:
        ValueError: If the rows do not match the schema.
    """
    import pandas as pd

    columns = {column.name: column.kind for column in schema.used}
    rows = stored["rows"]
    if set(rows) != set(columns) or any(len(values) > _ROWS for values in rows.values()):
        raise ValueError("the rows kept for comparison are not those of the table")
    return pd.DataFrame({name: _from_json(kind, rows[name]) for name, kind in columns.items()})


def replay(rows: pd.DataFrame | None, stored: Mapping[str, Any] | None, fitted: Fitted) -> str | None:
    """Predict the stored rows again. Return a description of the difference, or None if it is within rounding error."""
    if rows is None or stored is None or not len(rows):
        return "it holds no rows to compare predictions on"
    expected, found = np.array(stored["predictions"], dtype=np.float64), _predict(rows, fitted)
    if expected.shape != found.shape:
        return f"its predictions for {len(rows)} stored rows have another shape"
    single = any(member.name in _NETWORKS for member in fitted.members)
    near = _SINGLE if single else _TOLERANCE
    size = float(np.ptp(expected)) if single and expected.ndim == 1 else 1.0  # range of the numbers
    if np.allclose(found, expected, rtol=near, atol=near * size):
        return None
    return f"its predictions for {len(rows)} stored rows differ by {np.abs(found - expected).max():.2g}"


def _predict(rows: pd.DataFrame, fitted: Fitted) -> np.ndarray[Any, Any]:
    left_out = [column.name for column in fitted.plan.schema.columns if column.reason is not None]
    return fitted.predict(rows.reindex(columns=[*rows.columns, *left_out]) if left_out else rows)


def _columns_to_json(rows: pd.DataFrame) -> dict[str, list[Any]]:
    """Cells of each column. Number columns of a wide table are converted together."""
    places = number_places(rows)
    found = {
        str(name): [None if cell != cell else cell for cell in cells]  # noqa: PLR0124 - NaN alone differs from itself
        for name, cells in zip(rows.columns[places], numbers(rows, places).T.tolist(), strict=True)
    }
    return found | {str(name): _to_json(rows[name]) for name in rows.columns[~places]}


def _to_json(column: pd.Series[Any]) -> list[Any]:
    if column.dtype.kind == "M":
        values: list[Any] = column.to_numpy(dtype="datetime64[us]").astype(np.int64).tolist()
    else:
        values = column.tolist()
    return [None if missing else value for value, missing in zip(values, column.isna(), strict=True)]


def _from_json(kind: str, values: list[Any]) -> Any:
    import pandas as pd

    if kind in {"numeric", "boolean"}:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    if kind == "date":
        ticks = [np.iinfo(np.int64).min if value is None else value for value in values]  # NaT as an integer
        return np.array(ticks, dtype=np.int64).view("datetime64[us]")
    if not all(value is None or isinstance(value, str) for value in values):
        raise ValueError("the rows kept for comparison hold something else than text")
    return pd.Series(values, dtype="str")
