"""Slips of an author's hand: one line of a sound document is edited, and what becomes of it is held against the edit.

An edit is honest work of the checker where one of these holds, and else a fault:

    reported   a new problem stands on the edited line, on what it is part of, or on what names a word of it
    told       the document still compiles, to another hash or other schedules, and a difference names the edit
    same       comments, layout, words for people or an order that nothing reads: the graph means the same
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Literal, NamedTuple

from tests.tooling.fences import blocks
from trellis.loaders import read
from trellis.model.differences import differences
from trellis.model.graph import Definition
from trellis.model.problems import Problem
from trellis.project import MemoryLoader, Workspace

ROOT = Path(__file__).parents[2]
WORD = re.compile(r"[A-Za-z_$][\w-]*|[0-9][\w.]*|[<>=!]=?|[+*/%-]")


class Sample(NamedTuple):
    """A sound document, what is beside it, and what it comes to."""

    name: str
    text: str
    beside: dict[str, str]
    definition: Definition
    problems: list[Problem]


class Edited(NamedTuple):
    """A text after an edit: its lines from `first` up to `last`, from 1, are new; where they stand nothing, lines are gone."""

    text: str
    first: int
    last: int
    how: str


class Finding(NamedTuple):
    kind: Literal["reported", "told", "same", "missed"]
    why: str


def samples() -> list[Sample]:
    """The graphs and schemas of the project, those of the documentation that need no other file, and longer ones."""
    files = {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in ("graphs", "schemas")
        for path in sorted((ROOT / folder).glob("*.yaml"))
    }
    found = [(name, text, files) for name, text in files.items()]
    for page in sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.yaml")]):
        if page.suffix == ".yaml":
            found.append((f"examples/{page.name}", page.read_text("utf-8"), {}))
            continue
        found += [
            (f"graphs/{page.stem}-{block.line}.yaml", block.text, files)
            for block in blocks(page)
            if block.language == "yaml" and not block.kind and "\ntrellis: 1" in f"\n{block.text}"
        ]
    sound = []
    for name, text, beside in found:
        definition, problems = compiled(name, text, beside)
        if definition is not None and definition.nodes:
            sound.append(Sample(name, text, beside, definition, problems))
    return sound


def compiled(name: str, text: str, beside: dict[str, str]) -> tuple[Definition | None, list[Problem]]:
    made = Workspace(MemoryLoader({**beside, name: text}), tools=None).compile(name, "any")
    return made.definition, list(made.problems)


def edited(text: str, random: Random) -> Edited:
    """One edit of a random line."""
    while True:
        edit = _edited(text, random)
        if edit.text != text:
            return edit


def _edited(text: str, random: Random) -> Edited:
    lines = text.splitlines()
    at = random.choice([place for place, line in enumerate(lines) if line.strip()])
    how = random.choice(EDITS)
    before, after = lines[:at], lines[at + 1 :]
    now = how(lines, at, random)
    if how is _swapped_lines and at + 1 < len(lines):
        now, after = [lines[at + 1], lines[at]], lines[at + 2 :]
    return Edited("\n".join([*before, *now, *after, ""]), at + 1, at + len(now), how.__name__.lstrip("_"))


def _deleted(_lines: list[str], _at: int, _random: Random) -> list[str]:
    return []


def _doubled(lines: list[str], at: int, _random: Random) -> list[str]:
    return [lines[at], lines[at]]


def _swapped_lines(lines: list[str], at: int, _random: Random) -> list[str]:
    return [lines[at]]


def _word(change: Callable[[str, list[str], Random], str]) -> Callable[[list[str], int, Random], list[str]]:
    """An edit of one word of a line."""

    def edit(lines: list[str], at: int, random: Random) -> list[str]:
        words = list(WORD.finditer(lines[at]))
        if not words:
            return [lines[at]]
        word = random.choice(words)
        known = [each[0] for line in lines for each in WORD.finditer(line)]
        return [lines[at][: word.start()] + change(word[0], known, random) + lines[at][word.end() :]]

    edit.__name__ = change.__name__
    return edit


@_word
def _misspelled(word: str, _known: list[str], random: Random) -> str:
    at = random.randrange(len(word))
    return random.choice(
        [word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + "x" + word[at + 1 :]]
    )


@_word
def _exchanged(_word: str, known: list[str], random: Random) -> str:
    return random.choice(known)


@_word
def _turned(word: str, _known: list[str], random: Random) -> str:
    at = random.randrange(len(word))
    return word[:at] + word[at : at + 2][::-1] + word[at + 2 :]


@_word
def _dropped(_word: str, _known: list[str], _random: Random) -> str:
    return ""


@_word
def _number(word: str, _known: list[str], random: Random) -> str:
    return re.sub(r"\d+", lambda _: str(random.choice([0, 1, 7, 100, -1])), word)


def _without_entry(lines: list[str], at: int, random: Random) -> list[str]:
    """Without one `key: value` of a flow map, or an item of a flow list."""
    entries = list(re.finditer(r"(?<=[{\[,])[^{}\[\],]*(,|(?=[}\]]))", lines[at]))
    if not entries:
        return []
    entry = random.choice(entries)
    return [lines[at][: entry.start()] + lines[at][entry.end() :]]


def _indented(lines: list[str], at: int, random: Random) -> list[str]:
    return [random.choice([" ", "  ", "    "]) + lines[at]]


def _dedented(lines: list[str], at: int, random: Random) -> list[str]:
    return [lines[at].removeprefix(random.choice([" ", "  "]))]


def _mark(lines: list[str], at: int, random: Random) -> list[str]:
    """Without one mark of YAML, or with one more."""
    marks = [place for place, letter in enumerate(lines[at]) if letter in ":,{}[]\"'#-"]
    if not marks:
        return [lines[at]]
    place = random.choice(marks)
    return [
        lines[at][:place]
        + random.choice(["", lines[at][place] * 2, random.choice(":,{}[]\"'")])
        + lines[at][place + 1 :]
    ]


EDITS = (
    _deleted, _deleted, _doubled, _swapped_lines, _misspelled, _misspelled, _exchanged, _exchanged, _turned, _dropped, _number,
    _without_entry, _without_entry, _indented, _dedented, _mark,
)  # fmt: skip


def judged(sample: Sample, edit: Edited) -> Finding:
    """What the checker says of the edit."""
    after, problems = compiled(sample.name, edit.text, sample.beside)
    same = {(problem.code, problem.message) for problem in sample.problems}
    new = [problem for problem in problems if (problem.code, problem.message) not in same]
    for problem in new:
        if problem.path != sample.name or _is_about(problem, sample.text, edit):
            return Finding("reported", str(problem))
    if after is None:
        return Finding("missed", f"reported elsewhere: {[str(problem) for problem in new or problems]}")
    told = differences(sample.definition, after)
    names = _names(sample.text, edit)
    for difference in told:
        if {difference.name, difference.node, *_words(str(difference))} & names:
            return Finding("told", str(difference))
    if told:
        return Finding("missed", f"told by other names: {[str(difference) for difference in told][:3]}")
    if read("g.yaml", edit.text.encode()).document is None:
        return Finding("missed", "no document, and nothing is said")
    return Finding("same", _meaning(sample.text, edit.text) if not new else f"with {new[0]}")


def _meaning(before: str, after: str) -> str:
    """Why it means the same: `layout`, or the keys of what differs."""
    documents = [read("g.yaml", text.encode()).document for text in (before, after)]
    if documents[0] is None or documents[1] is None:
        return "unreadable"
    first, second = (document.data if document is not None else None for document in documents)
    if repr(first) == repr(second):
        return "layout"
    if first == second:
        return "order"
    return " ".join(sorted(set(_parts(first, second, ()))))


def _parts(first: object, second: object, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(first, dict) and isinstance(second, dict):
        for key in first.keys() | second.keys():
            if first.get(key) != second.get(key) or (key in first) != (key in second):
                yield from _parts(first.get(key), second.get(key), (*path, str(key)))
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for one, other in zip(first, second, strict=True):
            if one != other:
                yield from _parts(one, other, path)
    else:
        yield ".".join(path)


def _names(text: str, edit: Edited) -> set[str]:
    """Words of the edited lines, before and after, and the keys that they stand below."""
    lines, now = text.splitlines(), edit.text.splitlines()
    names: set[str] = set()
    touched = len(lines) - len(now) + edit.last - edit.first + 1
    for line in (*lines[edit.first - 1 : edit.first - 1 + touched], *now[edit.first - 1 : edit.last]):
        names |= _words(line)
    for around in (lines, now):
        for place in _above(around, min(edit.first, len(around)) - 1):
            names |= set(list(_words(around[place].split(":")[0]))[:1])
    return names - {"nodes", "trellis", "fields"}


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[A-Za-z_$][\w]*|\d+|\W", text) if word.strip()} - set(":,.{}[]\"'#")


def _above(lines: list[str], at: int) -> Iterator[int]:
    """The lines that what stands at a line is part of, the nearest first."""
    indent = _indent(lines[at])
    for place in range(at - 1, -1, -1):
        if lines[place].strip() and not lines[place].lstrip().startswith("#") and _indent(lines[place]) < indent:
            indent = _indent(lines[place])
            yield place


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" -"))


def _is_about(problem: Problem, text: str, edit: Edited) -> bool:
    """Whether a problem stands where the edit is, or names its line, or stands where somebody names what was edited."""
    lines, now = text.splitlines(), edit.text.splitlines()
    # What is indented wrongly is told of together with where it would have to belong.
    places = {problem.line, *map(int, re.findall(r"line (\d+)", problem.message))}
    around = {
        edit.first - 1,
        *range(edit.first, edit.last + 1),
        _next(now, edit.last),
        _next(now, _next(now, edit.last)),
    }
    for each in (lines, now):
        around |= {place + 1 for place in list(_above(each, min(edit.first, len(each)) - 1))[:2]}
    if places & around:
        return True
    said = _words(problem.message + problem.hint) | (
        _words(now[problem.line - 1]) if problem.line <= len(now) else set()
    )
    touched = len(lines) - len(now) + edit.last - edit.first + 1
    words = set()
    for line in (*lines[edit.first - 1 : edit.first - 1 + touched], *now[edit.first - 1 : edit.last]):
        words |= {word for word in _words(line) if word[0].isalpha()}
    quoted = set(re.findall(r"'([\w-]+)'", problem.message))
    return bool(said & words - COMMON or quoted & words)


def _next(lines: list[str], after: int) -> int:
    """The number of the first line after one that is neither empty nor a comment."""
    for number in range(after + 1, len(lines) + 1):
        if lines[number - 1].strip() and not lines[number - 1].lstrip().startswith("#"):
            return number
    return len(lines)


COMMON = frozenset(
    re.findall(
        r"\w+",
        "to say do ask set fields nodes catch upon with if states type all each race in as add remove use wait end save "
        "true false a of is no the it and or not node field state tool default optional string integer",
    )
)
"""Words that stand anywhere, so that they name nothing."""
