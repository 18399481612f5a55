"""What people are not shown: a pattern hides what it matches in texts, a name what stands under it in data.

Redaction is for eyes: what a run needs, its journal keeps. A pattern is a regular expression of a subset in which the
time to search a text grows with its length alone, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from trellis.errors import UsageError
from trellis.model.secrets import MASK
from trellis.model.values import Value

MOST_WAYS = 1000
"""The ways in which one pattern may be tried at one place of a text."""
LONGEST_MATCH = 1000
"""Characters that one pattern looks at from one place, before a `*` or `+` at its end."""
LONGEST_PATTERN = 500
"""In characters."""
MOST_PATTERNS = 100

_SHORT = 4  # characters; a shorter text stands in many by chance
_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

STRUCTURE = frozenset((
    "v", "seq", "at", "run", "type", "node", "tool", "attempt", "key", "name", "field", "kind", "options", "purpose",
    "due", "graph", "status", "added", "removed", "states", "visited", "buffered",
))  # fmt: skip
"""The keys of event lines that hold no data of a run but its course, its names, and the options of a question."""


class BadRedaction(UsageError):
    """Patterns or names that cannot be used; `faults` has every reason."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(f"redaction: {'; '.join(self.faults)}")


class Redactor:
    """Puts MASK in the place of what must not be seen. One without patterns and names is false, and changes nothing.

    `patterns` are regular expressions: letters, classes, groups, `|`, `^ $ \\b`, `?` and `{m,n}`, `(?i)` at the start; `*`,
    `+` and `{m,}` only for one character and last. What a pattern matches is hidden whole; matches that overlap are
    hidden together. `names` are the keys of maps, with `*` for any characters, whatever their case.
    """

    __slots__ = ("_exact", "_parts", "_patterns")

    def __init__(self, patterns: Iterable[str] = (), names: Iterable[str] = ()) -> None:
        """Raises BadRedaction with all that is wrong."""
        faults: list[str] = []
        self._patterns: list[re.Pattern[str]] = []
        for place, pattern in enumerate(patterns, start=1):  # only the place is told: a pattern may be a secret itself
            try:
                _check(pattern)
                self._patterns.append(re.compile(pattern))
            except re.error as error:
                faults.append(f"pattern {place}: {error.msg}")
            except _Unfit as unfit:
                faults.append(f"pattern {place}: {unfit}")
        if len(self._patterns) > MOST_PATTERNS:
            faults.append(f"there are more than {MOST_PATTERNS} patterns")
        known = [name.casefold() for name in names]
        for place, name in enumerate(known, start=1):
            if not name or any(letter.isspace() for letter in name):
                faults.append(f"name {place}: a name is not empty and holds no blanks; a pattern is written /…/")
        if faults:
            raise BadRedaction(faults)
        self._exact = frozenset(name for name in known if "*" not in name)
        self._parts = [name.split("*") for name in known if "*" in name]

    @classmethod
    def of(cls, entries: Iterable[str]) -> Redactor:
        """The redactor of entries as they are configured: `/PATTERN/`, or else a name. Raises BadRedaction."""
        patterns, names = [], []
        for entry in entries:
            if len(entry) > 1 and entry[0] == entry[-1] == "/":
                patterns.append(entry[1:-1])
            else:
                names.append(entry)
        return cls(patterns, names)

    @classmethod
    def from_text(cls, text: str) -> Redactor:
        """The redactor of a text with one entry a line; blank lines and those that begin with `#` say nothing."""
        lines = [line.strip() for line in text.splitlines()]
        return cls.of(line for line in lines if line and line[0] != "#")

    def __bool__(self) -> bool:
        return bool(self._patterns or self._exact or self._parts)

    def hides(self, name: str) -> bool:
        """Whether what stands under this name is hidden."""
        name = name.casefold()
        return name in self._exact or any(_fits(name, parts) for parts in self._parts)

    def text(self, text: str) -> str:
        """The text for people: a line of a log, the message of an error. Names hide nothing in it."""
        spans = sorted(match.span() for pattern in self._patterns for match in pattern.finditer(text))
        if not spans:
            return text
        shown: list[str] = []
        end = -1  # of what is hidden
        for first, last in spans:
            if first > end or end < 0:
                shown += [text[max(end, 0) : first], MASK]
            end = max(end, last)
        return "".join((*shown, text[end:]))

    def value(self, value: Value) -> Value:
        """A copy of the value for people. Null stays null; a number that a pattern matches becomes a text."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {
                self.text(key): MASK if item is not None and self.hides(key) else self.value(item)
                for key, item in value.items()
            }
        if value is None or isinstance(value, bool):
            return value
        written = str(value)
        shown = self.text(written)
        return value if shown == written else shown

    def line(self, line: Mapping[str, Any], *, saves: str = "") -> dict[str, Any]:
        """A copy of an event line for people. What is in STRUCTURE stays, and every other key is taken for data.

        `saves` is the field that takes the `value` of a tool; a name hides it there too.
        """
        return {key: item if key in STRUCTURE else self._data(line, key, item, saves) for key, item in line.items()}

    def _data(self, line: Mapping[str, Any], key: str, item: Any, saves: str) -> Any:
        if key == "error" and isinstance(item, dict):
            return self.line(item)
        if key in ("undo_failed", "form") and isinstance(item, list):
            return [self.line(part) for part in item]
        field = line.get("field", "") if key == "default" else saves if key == "value" else ""
        if item is not None and field and self.hides(field):
            return MASK
        return self.value(item)


class _Unfit(Exception):
    """Why a pattern is not taken."""


class _Cost(NamedTuple):
    """What a part of a pattern can match: in how many ways, how many characters; and whether it then goes on for ever."""

    ways: int
    shortest: int
    longest: int
    endless: bool = False


_NOTHING = _Cost(ways=1, shortest=0, longest=0)
_ONE = _Cost(ways=1, shortest=1, longest=1)
_QUANTIFIERS: dict[str, tuple[int, int | None] | None] = {"?": (0, 1), "*": (0, None), "+": (1, None), "{": None}
"""At least and at most; `{` says so itself."""


def _check(pattern: str) -> None:
    """Raises _Unfit where the pattern is not of the subset, may be tried in too many ways, or matches no characters."""
    if len(pattern) > LONGEST_PATTERN:
        raise _Unfit(f"it has more than {LONGEST_PATTERN} characters")
    reading = _Reading(pattern, 4 if pattern.startswith("(?i)") else 0)
    cost = reading.alternatives()
    if reading.place < len(pattern):
        raise _Unfit("a `)` closes nothing")
    if cost.shortest == 0:
        raise _Unfit("it matches where there is nothing")


class _Reading:
    """One pass over a pattern, by its grammar."""

    def __init__(self, pattern: str, place: int) -> None:
        self.pattern, self.place = pattern, place

    def alternatives(self) -> _Cost:
        found = [self._sequence()]
        while self._take("|"):
            found.append(self._sequence())
        return _Cost(
            _bounded(sum(cost.ways for cost in found)),
            min(cost.shortest for cost in found),
            max(cost.longest for cost in found),
            any(cost.endless for cost in found),
        )

    def _sequence(self) -> _Cost:
        whole = _NOTHING
        while self.place < len(self.pattern) and self.pattern[self.place] not in "|)":
            if whole.endless:
                raise _Unfit("`*`, `+` and `{m,}` come last, for what follows could be sought again and again")
            piece = self._repeated(*self._atom())
            whole = _Cost(
                _bounded(whole.ways * piece.ways),
                whole.shortest + piece.shortest,
                _within(whole.longest + piece.longest),
                piece.endless,
            )
        return whole

    def _atom(self) -> tuple[_Cost, bool]:
        """What the next atom costs, and whether it is a character."""
        first = self.pattern[self.place]
        self.place += 1
        if first == "(":
            if self._take("?") and not self._take(":"):
                raise _Unfit("of the groups with `?` only `(?:…)` is known, and `(?i)` at the start")
            inner = self.alternatives()
            if not self._take(")"):
                raise _Unfit("a `(` is not closed")
            return inner, False
        if first == "[":
            self._class()
        elif first == "\\":
            if self._escape("dDwWsSbBntr") in "bB":
                return _NOTHING, False
        elif first in "^$":
            return _NOTHING, False
        elif first in "*+?{":
            raise _Unfit(f"`{first}` follows nothing that it could repeat; as itself it is written \\{first}")
        return _ONE, True

    def _class(self) -> None:
        """The rest of a `[…]`."""
        self._take("^")
        begun = self.place
        while self.place == begun or self.pattern[self.place : self.place + 1] != "]":
            letter = self.pattern[self.place : self.place + 1]
            if not letter:
                raise _Unfit("a `[` is not closed")
            self.place += 1
            if letter == "\\":
                self._escape("dDwWsSntr")
            elif letter == "[" or (letter in "-&~|" and self.pattern[self.place : self.place + 1] == letter):
                raise _Unfit(f"in a class, `{letter}` as itself is written \\{letter}")
        self.place += 1

    def _escape(self, letters: str) -> str:
        """The character after a backslash: one of these letters, or one that is no letter, digit or `_`."""
        letter = self.pattern[self.place : self.place + 1]
        if not letter or (letter not in letters and (letter.isalnum() or letter == "_")):
            raise _Unfit(f"\\{letter} is not known here")
        self.place += 1
        return letter

    def _repeated(self, atom: _Cost, character: bool) -> _Cost:
        least, most = self._quantifier()
        if (least, most) == (1, 1):
            return atom
        if atom == _NOTHING:
            raise _Unfit("what has no characters cannot be repeated")
        if atom.endless:
            raise _Unfit("a repeated group repeats without end inside")
        if most is None:
            if not character:
                raise _Unfit("a group repeats at most {m,n} times")
            return _Cost(1, least, least, endless=True)
        if most < least:
            raise _Unfit(f"{{{least},{most}}} is no range")
        ways, each = 0, 1
        for times in range(most + 1):  # `_bounded` ends it soon where there is more than one way
            ways = _bounded(ways + each) if times >= least else ways
            each = _bounded(each * atom.ways) if times < most else each
        return _Cost(ways, least * atom.shortest, most * atom.longest)

    def _quantifier(self) -> tuple[int, int | None]:
        """How often what stands before is repeated: at least, and at most."""
        sign = self.pattern[self.place : self.place + 1]
        if sign not in _QUANTIFIERS:
            return 1, 1
        self.place += 1
        found = _QUANTIFIERS[sign] or self._range()
        if self.pattern[self.place : self.place + 1] in _QUANTIFIERS:
            raise _Unfit("one quantifier follows another; there are no lazy or possessive ones")
        return found

    def _range(self) -> tuple[int, int | None]:
        end = self.pattern.find("}", self.place)
        least, comma, most = self.pattern[self.place : max(end, 0)].partition(",")
        if end < 0 or not _count(least) or not (_count(most) or not most):
            raise _Unfit("`{` begins no {n}, {m,n} or {m,}; as itself it is written \\{")
        self.place = end + 1
        return int(least), int(most) if most else None if comma else int(least)

    def _take(self, letter: str) -> bool:
        found = self.pattern.startswith(letter, self.place)
        self.place += found
        return found


def _bounded(ways: int) -> int:
    if ways > MOST_WAYS:
        raise _Unfit(f"it can be tried in more than {MOST_WAYS} ways at one place; narrow its ranges, or end it in `+`")
    return ways


def _within(characters: int) -> int:
    if characters > LONGEST_MATCH:
        raise _Unfit(f"it looks at more than {LONGEST_MATCH} characters from one place")
    return characters


def _count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _fits(name: str, parts: list[str]) -> bool:
    """Whether the parts stand in the name in their order, the first at its start and the last at its end."""
    first, *middle, last = parts
    if not name.startswith(first):
        return False
    place = len(first)
    for part in middle:
        found = name.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return len(name) - len(last) >= place and name.endswith(last)


def veil(text: str, secrets: Iterable[str]) -> str:
    """The text with MASK for every secret, also as JSON, Python, URLs, base64 and hexadecimal digits write it.

    For what tools say of their failures: a library quotes what it was given. Secrets under 4 characters are left.
    """
    found = {form for secret in secrets if len(secret) >= _SHORT for form in _forms(secret)}
    if not found:
        return text
    return re.sub("|".join(re.escape(form) for form in sorted(found, key=len, reverse=True)), MASK, text)


def _forms(secret: str) -> Iterable[str]:
    """The ways in which a secret is written, the secret itself among them."""
    import base64
    import json  # here, since most runs never fail while they have a secret

    data = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        repr(secret)[1:-1],
        repr(data)[2:-1],
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        data.hex(),
    }
    for safe in ("", "/", "~", "/~"):
        quoted = [chr(byte) if chr(byte) in _UNRESERVED + safe and byte < 128 else f"%{byte:02X}" for byte in data]
        forms |= {"".join(quoted), "".join(quoted).replace("%20", "+")}
    forms |= {re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), form) for form in forms if "%" in form}
    for before in range(3):  # in base64 it depends on what stands before and behind; the middle is the same always
        encoded = base64.b64encode(bytes(before) + data).decode()
        end = (before + len(data)) * 8 // 6
        middle = encoded[(before * 8 + 5) // 6 : end]
        forms |= {middle, middle.replace("+", "-").replace("/", "_")}
    forms.add(data.hex().upper())
    return {form for form in forms if len(form) >= _SHORT}
