"""Python that repeats a fit, as a report shows it."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.storage.url import hidden
from seasoned.tabular.models.custom import CustomModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["code_of"]

_NAMES: Final = ("Metric", "SearchSettings", "CustomModel", "Between", "Categorical", "Choice", "Float", "Int", "Space")
_DOTS: Final = "..."
_INFINITE: Final = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<=[=(\[ -])inf(?=[,)\]])""")  # not in text
_SCORER: Final = re.compile(r"\bmake_scorer\(")  # whose text is no Python: it names functions without their modules
_LONGEST, _LONGEST_SETTINGS = 120, 1_500  # characters of one value in the call, and of settings of many values


def code_of(estimator: Any, fitted: Fitted) -> str:
    """Python that repeats the fit: the estimator with the parameters that are not their defaults."""
    defaults = type(estimator)().get_params(deep=False)
    given = estimator.get_params(deep=False)
    changed = {name: value for name, value in given.items() if not _same(value, defaults[name])}
    if isinstance(where := changed.get("experience"), str):
        changed["experience"] = hidden(where)  # of a server, without its password
    lines = "".join(f"    {name}={_literal(value)},\n" for name, value in changed.items())
    name, arguments = type(estimator).__name__, f"\n{lines}" if lines else ""
    given = "X, y" + ", sample_weight=weights" * fitted.weighted + ", groups=groups" * fitted.grouped
    needed = ", ".join([name, *(extra for extra in _NAMES if re.search(rf"\b{extra}\(", arguments))])
    shown = [value for value in changed.values() if _literal(value) != _DOTS]
    others = sorted({line for value in shown for line in _imports(value, arguments)})
    others += ["from numpy import array"] * bool(re.search(r"\barray\(", arguments))
    lines = "\n".join([*others, f"from seasoned import {needed}"])
    return f"{lines}\n\nmodel = {name}({arguments})\nmodel.fit({given})"


def _imports(value: Any, shown: str) -> Iterator[str]:
    """Imports of other packages' classes that the text of a value names, such as a splitter's or an own model's."""
    kind = type(value)
    package = ".".join(takewhile(lambda part: not part.startswith("_"), kind.__module__.split(".")))
    if package.split(".")[0] not in {"", "builtins", "seasoned"} and re.search(rf"\b{kind.__name__}\(", shown):
        yield "import numpy as np" if package == "numpy" else f"from {package} import {kind.__name__}"
    for part in _parts(value):
        yield from _imports(part, shown)


def _parts(value: Any) -> Iterable[Any]:
    """What a value holds and its text shows."""
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, CustomModel):
        return list(vars(value).values())
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return value.values()
    return value.get_params(deep=False).values() if hasattr(value, "get_params") else ()


def _changed(value: Any) -> str:
    """A dataclass as Python, with the fields that are not their defaults."""
    kept = [field.name for field in fields(value) if not _same(getattr(value, field.name), field.default)]
    return f"{type(value).__name__}({', '.join(f'{name}={getattr(value, name)!r}' for name in kept)})"


def _literal(value: Any) -> str:
    """The value as Python, or dots where that would be long or would not say what it was."""
    value = value.item() if isinstance(value, np.generic) else value
    text, most = (_changed(value), _LONGEST_SETTINGS) if is_dataclass(value) else (repr(value), _LONGEST)
    text = _INFINITE.sub(lambda found: found[0] if found[1] else 'float("inf")', text)
    return text if len(text) <= most and " at 0x" not in text and not _SCORER.search(text) else _DOTS


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)
