"""HTML with automatic escaping: text is escaped unless a function of this module created it."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Markup", "data_table", "joined", "raw", "script_json", "tag"]


class Markup(str):
    """Text that is already HTML."""

    __slots__ = ()


def raw(trusted: str) -> Markup:
    """Mark our own HTML as escaped; never pass text from data."""
    return Markup(trusted)


def tag(name: str, *children: str | None, **attributes: str | None) -> Markup:
    """Create an element. Children other than Markup are escaped; None is skipped.

    Args:
        name: The element's name.
        children: Its content.
        attributes: Its attributes; `class_` means `class`, and `aria_label` means `aria-label`.

    Example:
        >>> tag("td", "a < b", class_="number")
        '<td class="number">a &lt; b</td>'
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>{joined(children)}</{name}>")


def joined(children: Iterable[str | None]) -> Markup:
    """Concatenate pieces of HTML; pieces other than Markup are escaped."""
    return Markup("".join(c if isinstance(c, Markup) else escape(c) for c in children if c is not None))


def data_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()) -> Markup:
    """Create a table in its own box, which scrolls sideways instead of the page.

    Args:
        head: Names of the columns.
        rows: Cells, text or Markup.
        numbers: Indices of columns that are aligned as numbers.
    """
    kinds = ["number" if index in numbers else None for index in range(len(head))]
    top = tag("tr", *(tag("th", name, scope="col", class_=kind) for name, kind in zip(head, kinds, strict=True)))
    body = [tag("tr", *(tag("td", c, class_=k) for c, k in zip(row, kinds, strict=True))) for row in rows]
    table = tag("table", tag("thead", top), tag("tbody", *body))
    return tag("div", table, class_="scroll", tabindex="0", role="region", aria_label=", ".join(map(str, head)))


def script_json(value: Any) -> Markup:
    """JSON for a script element: without `<`, `>` and `&`, so that data cannot end the element or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
