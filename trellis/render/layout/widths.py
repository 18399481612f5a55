"""How wide a text will be, without a font: a generous average for each character, so that it fits in whichever is there.

The widths are those of a wide sans serif face, in thousandths of its size. Common narrower ones need less room.
"""

from __future__ import annotations

import unicodedata

_NARROW = dict.fromkeys("iljI|!.,:;'`", 330) | dict.fromkeys('ftr()[]{}"/\\ -', 430)
_WIDE = dict.fromkeys("mwMW@%", 960) | dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZ&#+<=>~_", 720)
_KNOWN = _NARROW | _WIDE
_OTHER, _FULL = 630, 1100


def width_of(text: str, size: float) -> float:
    """How wide `text` is at most when its letters are `size` high."""
    return sum([_KNOWN.get(mark) or _width(mark) for mark in text]) * size / 1000


def _width(mark: str) -> int:
    if mark < "\x80":
        return _OTHER
    if unicodedata.combining(mark) or unicodedata.category(mark) in ("Mn", "Me", "Cf"):
        return 0
    return _FULL if unicodedata.east_asian_width(mark) in "WF" or mark > "\uffff" else 760


def wrapped(text: str, most: float, size: float, lines: int) -> list[str]:
    """`text` in at most `lines` lines none of which is wider than `most`; what does not fit ends with an ellipsis."""
    found: list[str] = []
    words = text[: 40 * lines + int(most)].split(" ") if len(text) > 4000 else text.split(" ")
    line = ""
    for index, word in enumerate(words):
        longer = f"{line} {word}" if line else word
        if width_of(longer, size) <= most:
            line = longer
            continue
        if line:
            found.append(line)
        line = word
        if len(found) == lines:
            return [*found[:-1], _cut(f"{found[-1]} {' '.join(words[index : index + 8])}", most, size)]
        while width_of(line, size) > most:
            if len(found) == lines - 1:
                return [*found, _cut(line, most, size)]
            head = _fitting(line, most, size)
            found.append(line[:head])
            line = line[head:]
    return (
        [*found, line]
        if len(found) < lines
        else [*found[:-1], _cut(f"{found[-1]} {line}", most, size)]
        if line
        else found
    )


def _fitting(text: str, most: float, size: float) -> int:
    """How many of the first characters fit; at least one."""
    total = 0.0
    for index, mark in enumerate(text):
        total += (_KNOWN.get(mark) or _width(mark)) * size / 1000
        if total > most:
            return max(index, 1)
    return len(text)


def _cut(text: str, most: float, size: float) -> str:
    if width_of(text, size) <= most and not text.endswith("…"):
        return text
    return text[: _fitting(text, most - size, size)].rstrip() + "…"
