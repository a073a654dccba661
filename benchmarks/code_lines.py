"""Code lines of the package, by room: without blank lines, comments and docstrings; and sentence lengths of pages.

python benchmarks/code_lines.py
python benchmarks/code_lines.py --prose README.md docs/tables.md
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import statistics
import tokenize
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src" / "seasoned"
SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(text: str) -> int:
    """Lines with code on them.

    Example:
        >>> code_lines('x = 1  # one' + chr(10) * 2 + '# two' + chr(10))
        1
    """
    texts = set()
    for node in ast.walk(ast.parse(text)):
        for statement in getattr(node, "body", []) if isinstance(getattr(node, "body", None), list) else []:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                texts.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SKIPPED:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - texts)


def sentence_words(text: str) -> list[int]:
    """Words of each sentence of a Markdown page, without code, tables, headings and link targets."""
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    kept = [line for line in text.splitlines() if not line.lstrip().startswith(("|", "#", "!["))]
    prose = re.sub(r"\]\([^)]*\)", "]", "\n".join(kept))
    parts = re.split(r"(?<=[.!?:])\s+|\n\s*\n|\n\s*[-*\d.]+ ", prose)
    return [count for part in parts if (count := len(part.split())) > 1]


def main(words: list[str] | None = None) -> dict[str, int]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prose", type=Path, nargs="*", metavar="PAGE", help="sentence lengths of these pages instead")
    given = parser.parse_args(words)
    if given.prose is not None:
        for page in given.prose:
            counts = sentence_words(page.read_text(encoding="utf-8"))
            print(f"{page}: {len(counts)} sentences, median {statistics.median(counts):g} words, longest {max(counts)}")
        return {}
    rooms: Counter[str] = Counter()
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).parts
        room = "/".join(parts[:2]) if parts[0] == "tabular" and len(parts) > 2 else parts[0]
        rooms[room] += code_lines(path.read_text(encoding="utf-8"))
    for room, count in rooms.most_common():
        print(f"{count:6,} {room}")
    print(f"{rooms.total():6,} in all")
    return dict(rooms)


if __name__ == "__main__":
    main()
