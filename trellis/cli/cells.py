"""How wide texts are on a terminal, and texts cut to a width. Where terminals differ, the wider guess counts."""

from __future__ import annotations

WIDER = "\ufe0f"
"""Makes the character before it an emoji, which is two cells wide."""


def cells(text: str) -> int:
    """The columns that `text` takes, at most."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def cut(text: str, width: int, mark: str = "…") -> str:
    """`text` in at most `width` columns; `mark` ends it where some of it is left out."""
    if cells(text) <= width:
        return text
    room = width - cells(mark)
    if room < 0:
        return mark[: max(width, 0)]
    used = 0
    for place, character in enumerate(text):
        used += _cells(character)
        if used > room:
            return text[:place] + mark
    return text + mark


def _cells(character: str) -> int:
    if character < "\u0300":
        return 1
    if character == WIDER:
        return 1
    if "\ud800" <= character <= "\udfff":  # a color
        return 0
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
