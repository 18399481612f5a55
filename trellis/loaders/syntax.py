"""What the parser says of broken YAML, in words that tell an author what to do about it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from trellis.model.problems import Place


class Fault(msgspec.Struct, frozen=True):
    """A fault of the text of a document whose path is not at hand."""

    place: Place
    code: str
    message: str
    hint: str = ""


QUOTE = "quote the expression"
_QUOTE_TEXT = 'quote the text that holds "{{ … }}"'

_EXPRESSION_KEY = re.compile(r"(?:^|[\s{,\"'])(?:if|check|in|result)[\"']?\s*:|(?:^|[{,\s])set\s*:\s*\{\s*fields\s*:")
_LOOKED_AT = 1_000
"""Of a longer line only so many characters are looked at for an expression."""
_SET_FIELDS = re.compile(r"(?:^|[\s{,])fields\s*:")
_TOKENS = {
    "<scalar>": "text", "<block mapping start>": "a key", "<block sequence start>": "a list item",
    "<block end>": "the end of this block", "<stream end>": "the end of the file", "<document start>": "'---'",
    "<document end>": "'...'", "<block entry>": "'- '", "-": "'- '", "?": "a key", ":": "':'", ",": "','",
    "[": "'['", "]": "']'", "{": "'{'", "}": "'}'", "<anchor>": "an anchor", "<alias>": "an alias", "<tag>": "a tag",
}  # fmt: skip


def shown(text: str) -> str:
    """A name in quotes, as messages hold it: on one line, and cut where it is long."""
    return repr(text if len(text) <= 40 else f"{text[:39]}…")


def expects_expression(lines: list[str], number: int) -> bool:
    """Whether line `number`, from 1, holds an expression: behind a key such as `if`, or below `fields:` in a `set`."""
    line = lines[number - 1] if number <= len(lines) else ""
    if _EXPRESSION_KEY.search(line, 0, _LOOKED_AT):
        return True
    above = _parent(lines, number)
    if not _SET_FIELDS.search(lines[above - 1] if above else ""):
        return False
    return "set" in lines[above - 1] or lines[_parent(lines, above) - 1].strip().startswith("set:")


def _parent(lines: list[str], number: int) -> int:
    """The number of the nearest line above that is indented less; 0 where there is none."""
    indent = _indent(lines[number - 1]) if number <= len(lines) else 0
    for above in range(number - 1, 0, -1):
        line = lines[above - 1]
        if line.strip() and not line.lstrip().startswith("#") and _indent(line) < indent:
            return above
    return 0


def _opened(lines: list[str], place: Place) -> int:
    """The number of the line above in which the quote begins that is closed just before a place; 0 where there is none."""
    before = lines[place.line - 1][: place.column - 1].rstrip() if place.line <= len(lines) else ""
    quote = before[-1:]
    if quote not in ("'", '"') or before.count(quote) % 2 == 0:
        return 0
    return next((number for number in range(place.line - 1, 0, -1) if quote in lines[number - 1]), 0)


def _deeper(lines: list[str], place: Place) -> int:
    """The number of the line from which on what is before a place is indented deeper than it; 0 where it is not."""
    above = _parent(lines, place.line)
    for number in range(above + 1, place.line):
        line = lines[number - 1]
        if line.strip() and not line.lstrip().startswith("#"):
            return number if above and _indent(line) > place.column - 1 else 0
    return 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def syntax_fault(error: Any, lines: list[str]) -> Fault:
    """The fault behind an error of ruamel.yaml's scanner or parser in these lines."""
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    problem, context = str(error.problem or error.context or ""), str(error.context or "")
    start = error.context_mark
    at = line[place.column - 1 : place.column]
    if at == "\t" and "cannot start any token" in problem:
        return Fault(place, "E113", "a tab stands where YAML takes blanks only", "indent and separate with blanks")
    if "quoted scalar" in context and "end of stream" in problem and start is not None:
        return Fault(Place(start.line + 1, start.column + 1), "E101", "this quote is never closed", "close it")
    opened = _opened(lines, place)
    if opened:
        return Fault(place, "E101", f"text goes on after a quote that begins in line {opened}", "close it in its line")
    message, hint = _worded(problem, at, line[: place.column - 1])
    inside = "flow" in context
    if start is not None and start.line + 1 < place.line and inside:
        # Where it begins is where the slip is, as often as not.
        message += f"; the {'map' if 'mapping' in context else 'list'} around it begins in line {start.line + 1}"
    elif start is not None and start.line + 1 < place.line and "could not find expected ':'" in problem:
        message += f"; it begins in line {start.line + 1}"
    elif message.endswith("does not fit here"):
        # One of the two places is right, and the slip is at the other one.
        deeper = _deeper(lines, place)
        if deeper:
            blanks = _indent(lines[deeper - 1])
            message += (
                f": it is indented by {place.column - 1}, and what is before it by {blanks}, from line {deeper} on"
            )
            return Fault(place, "E101", message, hint)
    if expects_expression(lines, place.line) or (
        inside and start is not None and expects_expression(lines, start.line + 1)
    ):
        hint = QUOTE
    elif "{{" in line:
        hint = _QUOTE_TEXT
    return Fault(place, "E101", message, hint)


_PLAIN_WORDS = (
    ("unknown escape character", "'\\{at}' is no escape in double quotes", "write \\\\ for a backslash, or use single quotes"),
    ("hexdecimal numbers", "an escape lacks some of its hexadecimal digits", "write \\\\ for a backslash, or use single quotes"),
    ("cannot start any token", "'{at}' cannot begin a text", "quote the text"),
    ("expected alphabetic or numeric", "an anchor or alias lacks its name", "quote the text"),
    ("could not find expected ':'", "a key lacks its ':' before here", "write `key: value`, and check the indentation"),
    ("sequence entries are not allowed", "a list cannot begin here", "put '- ' on a line of its own"),
    ("mapping keys are not allowed", "'?' cannot begin a text here", "quote the text"),
    ("chomping or indentation", "text stands behind '|' or '>'", "begin it on the next line, or quote it"),
    ("expected a comment or a line break", "text stands behind '|' or '>'", "begin it on the next line, or quote it"),
    ("more indented follow up", "a line of blanks is longer than the text after it is indented", "empty the line"),
    ("document separator", "'---' or '...' stands inside quotes", "close the quote before it"),
    ("content after document end", "text stands behind '...'", "remove it"),
)  # fmt: skip
"""Part of what the parser says; our words; what to try."""


def _worded(problem: str, at: str, before: str) -> tuple[str, str]:
    if "mapping values are not allowed" in problem:
        if ": " in before:
            return "a second ': ' in one value", "quote the text that holds it"
        return "this key is indented deeper than those above it", "give the keys of one map the same indentation"
    for part, message, hint in _PLAIN_WORDS:
        if part in problem:
            return message.replace("{at}", at), hint
    got = re.search(r"(?:found|got) \(?'(.+?)'", problem)
    token = got[1] if got else ""
    found = _TOKENS.get(token, f"'{token}'")
    if token == "<stream end>":
        return "the file ends inside an open bracket", "close it"
    if "<block end>" in problem and token == "<scalar>" and before.rstrip().endswith(('"', "'", "]", "}")):
        return "text goes on after what closed it", "quote all of it, or none"
    if "<block end>" in problem:
        return f"{found} does not fit here", "give the keys of one map, or the items of one list, the same indentation"
    if "<document start>" in problem:
        return f"{found} stands after the end of the document", "check the indentation and the brackets before it"
    expected = re.search(r"expected (.+?), but", problem)
    if got and expected and not expected[1].startswith("the node"):
        return f"expected {expected[1]}, found {found}", "quote the text, or close the bracket"
    return (f"{found} cannot stand here", "quote it if it is text") if got else (problem or "this is no YAML", "")
