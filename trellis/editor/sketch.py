"""A document as it is drawn at this moment, however broken: maps, lists and texts with their places, and never an error.

The judge of `trellis.loaders` says what a document means; this reader guesses what its author is about. It goes by
lines and their indentation, so a line that is half written spoils nothing but itself. Places are characters of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from trellis.loaders.scalars import NoJson, plain
from trellis.model.documents import Step

DEEPEST = 120
"""Lists and maps inside each other that are looked into."""


class Part:
    """A value: the characters from `start` up to `end`. `written` is the text of a scalar, without its quotes."""

    __slots__ = ("end", "entries", "flow", "items", "kind", "start", "style", "written")

    def __init__(self, kind: Literal["map", "list", "text", "none"], start: int, end: int) -> None:
        self.kind, self.start, self.end = kind, start, end
        self.entries: list[Entry] = []
        self.items: list[Part] = []
        self.written = ""
        self.style = ""
        """Of a text: empty where it is plain, else its quote, or the sign of a block."""
        self.flow = False

    def get(self, key: str) -> Part | None:
        """The value of a key; the first, where it is there twice."""
        return next((entry.value for entry in self.entries if entry.key == key and not entry.half), None)

    def below(self, step: Step) -> Part | None:
        """The part one step down."""
        if isinstance(step, str):
            return self.get(step)
        return self.items[step] if step < len(self.items) else None

    def parts(self) -> Iterator[tuple[Step, Part]]:
        """Every part one step down, with that step."""
        yield from ((entry.key, entry.value) for entry in self.entries)
        yield from enumerate(self.items)


class Entry:
    """A key and its value. `half` is a key behind which no colon stands yet."""

    __slots__ = ("end", "half", "key", "start", "value")

    def __init__(self, key: str, start: int, end: int, value: Part, *, half: bool = False) -> None:
        self.key, self.start, self.end, self.value, self.half = key, start, end, value, half


def sketch(text: str) -> Part:
    """What can be made out of `text`. Never raises."""
    return _Sketcher(text).document()


def sketch_markdown(text: str) -> Part:
    """The same of a node in Markdown: the keys between the `---`, and `say` for what follows."""
    opening = re.match(r"\ufeff?---[ \t]*\r?\n", text)
    if opening is None:
        root = Part("map", 0, len(text))
        body = 0
    else:
        closing = re.compile(r"^---[ \t]*\r?$", re.MULTILINE).search(text, opening.end())
        until = closing.start() if closing else len(text)
        root = _Sketcher(text, opening.end(), until).document()
        if root.kind != "map":
            words, root = root, Part("map", opening.end(), until)
            if words.kind == "text":  # the first key, half written
                end = Part("none", words.end, words.end)
                root.entries.append(Entry(words.written, words.start, words.end, end, half=True))
        body = closing.end() if closing else len(text)
    said = Part("text", body, len(text))
    said.written, said.style = text[body:], "|"
    root.entries.append(Entry("say", body, body, said))
    root.end = len(text)
    return root


def value_of(part: Part | None) -> Any:
    """The value that a part would be, as far as can be told; None for what is not there."""
    if part is None or part.kind == "none":
        return None
    if part.kind == "map":
        found: dict[str, Any] = {}
        for entry in part.entries:
            if not entry.half:
                found.setdefault(entry.key, value_of(entry.value))
        return found
    if part.kind == "list":
        return [value_of(item) for item in part.items]
    if part.style:
        return part.written
    try:
        return plain(part.written)
    except NoJson:
        return part.written


_LINE = re.compile(r"^([ \t]*)([^\s#][^\n]*)", re.MULTILINE)
_COLON = re.compile(r":(?=[ \t\r]|$)")
_PROPERTIES = re.compile(r"(?:[&!][^\s,\[\]{}]*(?:[ \t]+|$))+")
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SINGLE = re.compile(r"'(?:[^']|'')*'")
_BLANKS = re.compile(r"(?:\s|(?<=\s)#[^\n]*)*")
_FLOW_PLAIN = re.compile(r"(?:[^,\[\]{}\n:#]|:(?![\s,\[\]{}]|$)|(?<!\s)#)*")
_DASH = re.compile(r"-(?=[ \t\r]|$)")


class _Sketcher:
    def __init__(self, text: str, start: int = 0, end: int | None = None) -> None:
        self.text = text
        self.end = len(text) if end is None else end
        self.begins: list[int] = []
        """Of each line that holds something: where it begins, where its content does, and its end."""
        self.contents: list[int] = []
        self.ends: list[int] = []
        first = True
        for line in _LINE.finditer(text, start, self.end):
            begin, content = line.start(), line.start(2)
            if content == begin and text.startswith(("---", "...", "%"), begin):
                if first or text[begin] == "%":
                    first = text[begin] == "%"
                    continue
                break
            first = False
            if text[content] == "\ufeff":
                content += 1
            self.begins.append(begin)
            self.contents.append(content)
            self.ends.append(line.end())

    def document(self) -> Part:
        if not self.begins:
            return Part("none", 0, self.end)
        part, _ = self.node(0, self.contents[0], -1, 0)
        part.end = max(part.end, self.end)
        return part

    def indent(self, line: int) -> int:
        return self.contents[line] - self.begins[line]

    def node(self, line: int, at: int, parent: int, depth: int) -> tuple[Part, int]:
        """The value that begins at `at` in `line`; lines that are indented no more than `parent` end it. And the next line."""
        text, end = self.text, self.ends[line]
        properties = _PROPERTIES.match(text, at, end)
        if properties is not None:
            at = properties.end()
            if at >= end:
                return self.after(line, at, parent, depth)
        column = at - self.begins[line]
        if depth < DEEPEST:
            if _DASH.match(text, at, end):
                return self.listed(line, at, column, depth)
            if self.key(at, end) is not None or self.is_key_ahead(line, column):
                return self.mapped(line, at, column, depth)
        return self.scalar(line, at, parent)

    def is_key_ahead(self, line: int, column: int) -> bool:
        """Whether the line, which is no key, stands before one of the same map: then it is one that is half written."""
        for ahead in range(line + 1, len(self.begins)):
            indent = self.indent(ahead)
            if indent < column:
                return False
            if indent == column:
                return self.key(self.contents[ahead], self.ends[ahead]) is not None
        return False

    def key(self, at: int, end: int) -> tuple[str, int, int] | None:
        """The key that stands at `at`, where it ends, and where the colon behind it does."""
        text = self.text
        sign = text[at] if at < end else ""
        if sign in ('"', "'"):
            quoted = (_DOUBLE if sign == '"' else _SINGLE).match(text, at, end)
            colon = None if quoted is None else re.compile(r"[ \t]*:(?=[ \t\r]|$)").match(text, quoted.end(), end)
            if quoted is None or colon is None:
                return None
            return _unquoted(quoted[0]), quoted.end(), colon.end()
        if sign in "{[|>#&*!%@`,]}":
            return None
        colon = _COLON.search(text, at, end)
        if colon is None:
            return None
        comment = text.find(" #", at, colon.start())
        if comment >= 0:
            return None
        written = text[at : colon.start()].rstrip()
        return written, at + len(written), colon.end()

    def mapped(self, line: int, at: int, column: int, depth: int) -> tuple[Part, int]:
        part = Part("map", at, self.ends[line])
        while True:
            found = self.key(at, self.ends[line])
            if found is None:
                end = self.ends[line]
                word = self.text[at:end].partition(" #")[0].rstrip()
                part.entries.append(Entry(word, at, at + len(word), Part("none", end, end), half=True))
                line += 1
            else:
                key, stop, after = found
                value, line = self.after(line, after, column, depth + 1, beside=True)
                part.entries.append(Entry(key, at, stop, value))
                part.end = max(part.end, value.end)
            while line < len(self.begins) and self.indent(line) > column:
                line += 1  # indented deeper without a reason: it belongs to nothing
            if line >= len(self.begins) or self.indent(line) < column:
                return part, line
            at = self.contents[line]
            if _DASH.match(self.text, at, self.ends[line]):
                return part, line + 1
            part.end = self.ends[line]

    def listed(self, line: int, at: int, column: int, depth: int) -> tuple[Part, int]:
        part = Part("list", at, self.ends[line])
        while True:
            content = at + 1
            end = self.ends[line]
            while content < end and self.text[content] in " \t\r":
                content += 1
            if content >= end or self.text[content] == "#":
                item, line = self.after(line, content, column, depth + 1)
            else:
                item, line = self.node(line, content, column, depth + 1)
            part.items.append(item)
            part.end = max(part.end, item.end)
            while line < len(self.begins) and self.indent(line) > column:
                line += 1
            if line >= len(self.begins) or self.indent(line) < column:
                return part, line
            at = self.contents[line]
            if not _DASH.match(self.text, at, self.ends[line]):
                return part, line

    def after(self, line: int, at: int, column: int, depth: int, *, beside: bool = False) -> tuple[Part, int]:
        """The value behind a colon or a dash at `column`: on this line, or on the next ones."""
        end = self.ends[line]
        properties = _PROPERTIES.match(self.text, _blanks(self.text, at, end), end)
        content = _blanks(self.text, properties.end() if properties else at, end)
        if content < end and self.text[content] != "#":
            return self.scalar(line, content, column)
        following = line + 1
        if following < len(self.begins):
            indent = self.indent(following)
            if indent > column:
                return self.node(following, self.contents[following], column, depth)
            if beside and indent == column and _DASH.match(self.text, self.contents[following], self.ends[following]):
                return self.listed(following, self.contents[following], column, depth)
        return Part("none", at, content), following

    def scalar(self, line: int, at: int, parent: int) -> tuple[Part, int]:
        """A text, or a map or list in brackets, that begins at `at`."""
        text, end = self.text, self.ends[line]
        sign = text[at]
        following = line + 1
        while following < len(self.begins) and self.indent(following) > parent:
            following += 1
        limit = self.begins[following] if following < len(self.begins) else self.end
        if sign in "{[":
            part, stop = self.flow(at, limit, 0)
            following = line + 1
            while following < len(self.begins) and self.begins[following] < stop:
                following += 1
            return part, following
        if sign in "|>":
            part = Part("text", at, limit)
            part.style, part.written = sign, text[end:limit].lstrip("\r\n")
            return part, following
        if sign in "\"'":
            part = self.quoted(at, limit)
            following = line + 1
            while following < len(self.begins) and self.begins[following] < part.end:
                following += 1
            return part, following
        stop = self.ends[following - 1]
        comment = text.find(" #", at, end)
        if comment >= 0:
            stop, following = comment, line + 1
        written = text[at:stop].rstrip()
        part = Part("text", at, at + len(written))
        part.written = " ".join(written.split()) if "\n" in written else written
        return part, following

    def quoted(self, at: int, limit: int) -> Part:
        sign = self.text[at]
        match = (_DOUBLE if sign == '"' else _SINGLE).match(self.text, at, limit)
        if match is not None:
            part = Part("text", at, match.end())
            part.written = _unquoted(match[0])
        else:  # not closed yet: it ends with its line
            end = self.text.find("\n", at, limit)
            part = Part("text", at, len(self.text[: end if end >= 0 else limit].rstrip("\r")))
            part.written = self.text[at + 1 : part.end]
        part.style = sign
        return part

    def flow(self, at: int, limit: int, depth: int) -> tuple[Part, int]:
        """What is in brackets from `at` on; where they do not close, it ends at `limit`. And where it ends."""
        text = self.text
        sign = text[at]
        if sign in "\"'":
            part = self.quoted(at, limit)
            return part, part.end
        if sign not in "{[" or depth > DEEPEST:
            found = _FLOW_PLAIN.match(text, at, limit)
            assert found is not None
            part = Part("text", at, at + len(found[0].rstrip()))
            part.written = found[0].strip()
            return part, found.end()
        part = Part("map" if sign == "{" else "list", at, limit)
        part.flow = True
        place = at + 1
        while True:
            place = _past(text, place, limit)
            if place >= limit:
                return part, limit
            if text[place] in "}]":
                part.end = place + 1
                return part, place + 1
            if text[place] == ",":
                place += 1
                continue
            begin = place
            value, place = self.flow(place, limit, depth + 1)
            if place == begin:
                place += 1
                continue
            colon = _past(text, place, limit)
            if colon < limit and text[colon] == ":" and value.kind == "text":
                key, stop = value.written, value.end
                place = _past(text, colon + 1, limit)
                if place >= limit or text[place] in ",}]":
                    value = Part("none", colon + 1, place)
                else:
                    before = place
                    value, place = self.flow(place, limit, depth + 1)
                    place = max(place, before + (value.end == before))
                pair = Entry(key, begin, stop, value)
            else:
                pair = Entry(value.written, begin, value.end, Part("none", value.end, value.end), half=True)
            if sign == "{":
                part.entries.append(pair)
            elif pair.half:
                part.items.append(value)
            else:
                single = Part("map", begin, value.end)
                single.flow, single.entries = True, [pair]
                part.items.append(single)


def _blanks(text: str, at: int, end: int) -> int:
    while at < end and text[at] in " \t\r":
        at += 1
    return at


def _past(text: str, at: int, limit: int) -> int:
    found = _BLANKS.match(text, at, limit)
    return found.end() if found else at


def _unquoted(written: str) -> str:
    inner = written[1:-1]
    if written[0] == "'":
        return inner.replace("''", "'")
    if "\\" not in inner:
        return inner
    import json

    try:
        return str(json.loads(written, strict=False))
    except ValueError:
        return inner
