"""Rows of short texts in columns that line up; the last column is as long as its text, but for a terminal's width."""

from __future__ import annotations

from collections.abc import Sequence

GAP = 2


def columns(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """The rows as lines, every column as wide as its widest text."""
    if not rows:
        return ""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return "\n".join(
        (" " * indent + (" " * GAP).join(text.ljust(width) for text, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    )
