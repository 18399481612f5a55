"""What would mend a problem, as edits of the text that it is in. Pure: whether it surely does is for `mending` to find out.

Every fix writes what the problem's own hint asks for, at the place of the problem, and nothing else.
"""

from __future__ import annotations

import re

import msgspec

from trellis.model.edits import Edit, applied
from trellis.model.problems import Problem

TABS = "indent with blanks instead of tabs"
"""The title of the fix that does so in every line."""
QUOTE = "quote it"
INDENT = 2
"""How many blanks a tab in front of a line becomes."""


_MEANT = re.compile(r"did you mean '([^']+)'\?")
_QUOTED = re.compile(r"'([^']+)'")


class Fix(msgspec.Struct, frozen=True):
    """Edits that mend a problem; `title` says what they do, as editors show it."""

    problem: Problem
    title: str
    edits: tuple[Edit, ...]

    def applied(self, text: str) -> str:
        """The text with it."""
        return applied(text, self.edits)


def proposed(problem: Problem, text: str) -> Fix | None:
    """What would mend `problem` in `text`, the whole of its file as it is there; None where nobody knows."""
    start = offset(text, problem.line, problem.column)
    if start is None:
        return None
    if problem.code == "E113":
        return _without_tabs(problem, text, start)
    if near := _MEANT.search(problem.hint):
        return _renamed(problem, text, start, _QUOTED.findall(problem.message), near[1])
    if near := _MEANT.search(problem.message):  # a fault inside a value: the name before it is the one that is wrong
        return _renamed(problem, text, start, _QUOTED.findall(problem.message, 0, near.start())[-1:], near[1])
    if problem.hint == "quote it" and problem.code != "E202":
        return None
    if problem.hint in ("quote it", "quote the expression") or problem.hint.startswith("quote the text that holds"):
        return _quoted(problem, text, start)
    if re.fullmatch(r"write \[[^\[\]]+\]", problem.hint):
        return _listed(problem, text, start)
    if problem.hint == "remove one of them" and problem.code == "W505":
        return _without_item(problem, text, start)
    if problem.code == "E203" and problem.message.startswith("missing key 'trellis'"):
        return _fix(problem, "begin with trellis: 1", start, start, "trellis: 1" + _line_end(text))
    return None


def offset(text: str, line: int, column: int) -> int | None:
    """The character at a place of a problem: lines as they end in files, a byte order mark is no part of the first."""
    place = 1 if text.startswith("\ufeff") else 0
    for _ in range(line - 1):
        end = re.compile("\r\n|\r|\n").search(text, place)
        if end is None:
            return None
        place = end.end()
    place += column - 1
    return place if place <= len(text) else None


def _fix(problem: Problem, title: str, start: int, end: int, written: str) -> Fix:
    return Fix(problem, title, (Edit(problem.path, start, end, written),))


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _rest(text: str, start: int) -> int:
    """Where the line of a character ends."""
    end = re.compile("[\r\n]").search(text, start)
    return end.start() if end else len(text)


def _renamed(problem: Problem, text: str, start: int, names: list[str], near: str) -> Fix | None:
    """The first of the names that the message quotes which stands just once in what the problem is of."""
    for name in names:
        title = f"write '{near}' instead of '{name}'"
        for quote in ("", '"', "'"):
            if re.compile(rf"{quote}{re.escape(name)}(?![\w]){quote}").match(text, start):
                begin = start + len(quote)
                return _fix(problem, title, begin, begin + len(name), near)
        before = r"(?<=\.)" if "has no key" in problem.message else r"(?<![\w.])"
        found = list(re.compile(rf"{before}{re.escape(name)}(?!\w)").finditer(text, start, _rest(text, start)))
        if len(found) == 1:
            return _fix(problem, title, *found[0].span(), near)
    return None


_SCALAR = re.compile(r"[^\s,\[\]{}#\"'&*!|>%@`][^,\[\]{}\r\n]*?(?=\s*(?:[,\]}\r\n]|$|\s#))")
_KEY = re.compile(r"(?:^|[\s{,])[\w.\"'-]+:[ ]+(?=\S)")


def _quoted(problem: Problem, text: str, start: int) -> Fix | None:
    """The value in quotes: what stands at the place, or in its line behind the last key before it that has a whole value."""
    if problem.hint == "quote it":
        value = _SCALAR.match(text, start)
        return _in_quotes(problem, text, *value.span()) if value else None
    begin = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    # The place is that of the value, or of a key that an expression fell apart into, or where the parser gave up.
    for key in reversed(list(_KEY.finditer(text, begin, _rest(text, start)))):
        if key.end() <= start + 1 and text[key.end()] not in "|>":
            if text[key.end()] in "[{" and not text.startswith("{{", key.end()):
                return None  # a list or a map that something else is wrong with
            if problem.hint.startswith("quote the text") and text[key.end()] in "\"'":
                return None
            end = _end_of_value(text, key.end(), inside=_open(text[begin : key.start() + 1]))
            if (
                end > key.end()
                and text[end - 1] != ","
                and not (problem.hint.startswith("quote the text") and "{{" not in text[key.end() : end])
            ):
                return _in_quotes(problem, text, key.end(), end)
    return None


def _open(before: str) -> bool:
    """Whether a bracket is open behind this part of a line."""
    plain = re.sub(r"\"[^\"]*\"|'[^']*'", "", before)
    return sum(map(plain.count, "{[")) > sum(map(plain.count, "}]"))


def _end_of_value(text: str, start: int, *, inside: bool) -> int:
    """Where an unquoted expression or text ends: with its line, or inside of brackets before what closes them or another key."""
    rest = text[start : _rest(text, start)]
    depth, quote = 0, ""
    for place, letter in enumerate(rest):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if depth < 0 and inside:
                return start + len(rest[:place].rstrip())
        elif inside and not depth and letter == "," and re.match(r",\s*([\w.-]+:(\s|$)|$)", rest[place:]):
            return start + len(rest[:place].rstrip())
        elif letter == "#" and place and rest[place - 1] == " ":
            return start + len(rest[:place].rstrip())
    return start if inside or quote else start + len(rest.rstrip())


def _in_quotes(problem: Problem, text: str, start: int, end: int) -> Fix | None:
    value = text[start:end]
    if '"' not in value and "\\" not in value:
        return _fix(problem, QUOTE, start, end, f'"{value}"')
    return _fix(problem, QUOTE, start, end, "'" + value.replace("'", "''") + "'")


def _listed(problem: Problem, text: str, start: int) -> Fix | None:
    value = _SCALAR.match(text, start)
    return _fix(problem, f"write [{value[0]}]", *value.span(), f"[{value[0]}]") if value else None


def _without_item(problem: Problem, text: str, start: int) -> Fix | None:
    item = re.compile(r"[\w.]+").match(text, start)
    if item is None:
        return None
    title = f"remove the second '{item[0]}'"
    before = re.search(r",[ ]*$", text[:start])
    if before:
        return _fix(problem, title, before.start(), item.end(), "")
    line = re.compile(r"(?:^|(?<=[\r\n]))[ ]*-[ ]+$").search(text[:start])
    after = re.compile(r"[ ]*(?:\r\n|\r|\n)").match(text, item.end())
    return _fix(problem, title, line.start(), after.end(), "") if line and after else None


def _without_tabs(problem: Problem, text: str, start: int) -> Fix | None:
    """Blanks for tabs: one for those between words, and as deep as the levels are for those in front of lines."""
    if text[start : start + 1] != "\t":
        return None
    begin = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    if text[begin:start].strip(" \t"):
        run = re.compile(r"[\t ]+").match(text, start)
        assert run is not None
        return _fix(problem, "write a blank instead of the tab", start, run.end(), " ")
    return Fix(problem, TABS, indented(problem.path, text, INDENT))


def indented(path: str, text: str, width: int) -> tuple[Edit, ...]:
    """Edits that write so many blanks for each tab in front of a line of `text`, and one for those behind its key there."""
    fronts = re.compile(r"(?:^|(?<=[\r\n]))[ \t]*\t[ \t]*").finditer(text)
    behind = re.compile(r"(?:(?<=[\r\n]\t)|(?<=\t\t))(?:- )?[\w.]+:(\t[\t ]*)").finditer(text)
    edits = [Edit(path, *front.span(), front[0].replace("\t", " " * width)) for front in fronts]
    return tuple(edits + [Edit(path, *found.span(1), " ") for found in behind])
