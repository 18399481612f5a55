"""The fast parser for the common document: it says what the judge would say, or that it cannot tell."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from trellis.loaders.judge import BROKEN
from trellis.model.values import DEPTH, INTEGER_MAX, INTEGER_MIN

# What the two parsers read differently, or what costs one of them too much, anywhere in the text. Quoted text and
# comments match too: then the judge reads a document that the fast parser could have read, which is only slower.
# Each pattern begins with the rarest of its characters, so that a search jumps from one to the next.
_PROPERTIES = (("!", re.compile("!")), ("&", re.compile(r"&(?=\S)")), ("?", re.compile(r"\?(?=\s)")))
"""A tag, an anchor, a key written with `?`. An alias without an anchor is an error in either parser."""
_DIRECTIVE = re.compile(r"\n(?:---|\.\.\.|%)")
_DEEP = re.compile(r"\n[ ?-]{100}")
_GROUPED = re.compile(r"_(?:(?<=[0-9a-fA-F.]_)|(?=[0-9.]))")
_RADIX = re.compile(r"0(?<![\w.]0)(?:[bBOX]|(?<=[-+]0)[xo])")
_ODD_BLOCK = re.compile(r"[|>][-+0-9]{0,2} *(?:#[^\n]*)?\n\n*(?:\Z| +(?:\n|\Z))")
"""A block text that is empty at the end of the file, or begins with a line of blanks."""
_TIGHT = re.compile(r":(?<![\"']:)[\[\]{},]")
_LONGEST_WORD = 200
_DIGITS = 200
_MANY_DIGITS = re.compile(rf"[0-9]{{{_DIGITS}}}")
"""Of a number twice as long, one such part begins at a multiple of its length."""


def _is_unsure(text: str) -> bool:
    """Whether `text`, which begins with a line feed, holds what only the judge may read."""
    return (
        "\t" in text
        or _DIRECTIVE.search(text) is not None
        or _DEEP.search(text) is not None
        or _RADIX.search(text) is not None
        or _ODD_BLOCK.search(text) is not None
        or _TIGHT.search(text) is not None
        or any(
            _begins_node(text, match.start())
            for mark, pattern in _PROPERTIES
            if mark in text
            for match in pattern.finditer(text)
        )
        or any(_in_number(text, match.start()) for match in _GROUPED.finditer(text))
        or any(_MANY_DIGITS.match(text, at) for at in range(0, len(text), _DIGITS))
    )


def _begins_node(text: str, at: int) -> bool:
    """Whether a value or key may begin at `at`."""
    while text[at - 1] == " ":
        at -= 1
    return text[at - 1] in "\n[{,:?-"


def _in_number(text: str, at: int) -> bool:
    """Whether the word around `at` begins as a number may, for the fast parser; so may one that is very long."""
    start, end = at, at - _LONGEST_WORD
    while start > end and (text[start - 1].isalnum() or text[start - 1] in "._"):
        start -= 1
    return start == end or text[start] in "0123456789._"


def load_parser() -> None:
    """Load the native code. Its memory goes with the thread that does this: that one must not end before the process."""
    import yaml_rs  # noqa: F401


def are_sure(texts: Iterable[str]) -> bool:
    """Whether none of these texts holds what only the judge may read. One look at many is much quicker than many looks."""
    # A line of a blank between two: the end of a text is to look no better than it is.
    return not _is_unsure("\n" + " \n\n".join([text.removeprefix("---\n") for text in texts]))


def parse_fast(text: str, *, sure: bool = False) -> Any:
    """The value of `text`, or BROKEN where the judge has to say. Never raises. `sure`: see `are_sure`."""
    import yaml_rs

    text = text[3:] if text.startswith("---\n") else "\n" + text
    if not sure and _is_unsure(text):
        return BROKEN
    try:
        value = yaml_rs.loads(text, parse_datetime=False)
    except ValueError:
        return BROKEN
    return value if _is_json(value) else BROKEN


_ODD = frozenset("|>?:")
"""What no plain text begins with inside brackets; the fast parser takes it there."""


def _is_json(root: Any) -> bool:
    """Whether `root` is one of our values and holds no key that YAML knows better."""
    level, depth = [root], 0
    sound: set[str] = set()
    """Keys that were looked at: those of a format come again and again."""
    while level:
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind is dict:
                if depth >= DEPTH:
                    return False
                if not sound.issuperset(value):
                    for key in value:
                        if type(key) is not str or "\0" in key or key[:1] in _ODD or key == "<<":
                            return False
                    sound.update(value)
                below.extend(value.values())
            elif kind is list:
                if depth >= DEPTH:
                    return False
                below.extend(value)
            elif kind is str:
                if "\0" in value or value[:1] in _ODD:
                    return False
            elif kind is int:
                if not INTEGER_MIN <= value <= INTEGER_MAX:
                    return False
            elif kind is float:
                if value - value != 0.0:  # NaN or infinity
                    return False
            elif value is not None and kind is not bool:
                return False
        level, depth = below, depth + 1
    return True
