"""Python code that repeats a fit, for the report."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seasoned.storage.url import mask_password
from seasoned.tabular.models.custom import CustomModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from seasoned.tabular.ensemble.fitted_model import Fitted

__all__ = ["code_of"]

_NAMES: Final = ("Metric", "SearchSettings", "CustomModel", "Between", "Categorical", "Choice", "Float", "Int", "Space")
_DOTS: Final = "..."
# `inf` outside strings
_INFINITE: Final = re.compile(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<=[=(\[ -])inf(?=[,)\]])""")
_SCORER: Final = re.compile(r"\bmake_scorer\(")  # its repr is not valid Python: it names functions without modules
_LONGEST, _LONGEST_SETTINGS = 120, 1_500  # maximum characters: of one value, of a settings object


def code_of(estimator: Any, fitted: Fitted) -> str:
    """Return Python code that repeats the fit: the estimator with all parameters that differ from their defaults."""
    defaults = type(estimator)().get_params(deep=False)
    given = estimator.get_params(deep=False)
    changed = {name: value for name, value in given.items() if not _same(value, defaults[name])}
    if isinstance(where := changed.get("experience"), str):
        changed["experience"] = mask_password(where)  # hides the password in the URL of a server
    lines = "".join(f"    {name}={literal(value)},\n" for name, value in changed.items())
    name, arguments = type(estimator).__name__, f"\n{lines}" if lines else ""
    given = "X, y" + ", sample_weight=weights" * fitted.weighted + ", groups=groups" * fitted.grouped
    needed = ", ".join([name, *(extra for extra in _NAMES if re.search(rf"\b{extra}\(", arguments))])
    shown = [value for value in changed.values() if literal(value) != _DOTS]
    others = sorted({line for value in shown for line in _imports(value, arguments)})
    others += ["from numpy import array"] * bool(re.search(r"\barray\(", arguments))
    lines = "\n".join([*others, f"from seasoned import {needed}"])
    return f"{lines}\n\nmodel = {name}({arguments})\nmodel.fit({given})"


def _imports(value: Any, shown: str) -> Iterator[str]:
    """Yield imports of other packages' classes that the text of a value uses, such as a splitter or a user's model."""
    kind = type(value)
    package = ".".join(takewhile(lambda part: not part.startswith("_"), kind.__module__.split(".")))
    if package.split(".")[0] not in {"", "builtins", "seasoned"} and re.search(rf"\b{kind.__name__}\(", shown):
        yield "import numpy as np" if package == "numpy" else f"from {package} import {kind.__name__}"
    for part in _parts(value):
        yield from _imports(part, shown)


def _parts(value: Any) -> Iterable[Any]:
    """Return the values inside a value that appear in its text."""
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
    """Return a dataclass as Python code, with all fields that differ from their defaults."""
    kept = [field.name for field in fields(value) if not _same(getattr(value, field.name), field.default)]
    return f"{type(value).__name__}({', '.join(f'{name}={getattr(value, name)!r}' for name in kept)})"


def literal(value: Any) -> str:
    """Return the value as Python code, or dots for code that would be long or not executable."""
    value = value.item() if isinstance(value, np.generic) else value
    text, most = (_changed(value), _LONGEST_SETTINGS) if is_dataclass(value) else (repr(value), _LONGEST)
    text = _INFINITE.sub(lambda found: found[0] if found[1] else 'float("inf")', text)
    return text if len(text) <= most and " at 0x" not in text and not _SCORER.search(text) else _DOTS


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)
