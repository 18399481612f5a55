"""Mends what is certain: a fix is taken where the checker, asked again, has a problem less and no other one.

Certain is no guess that happened to pass: a name is written otherwise only where one letter was wrong, the right one stands
elsewhere too, so that it is not the one that was misspelled, and no other name of the document or the format is as near;
tabs become blanks only where each width of them means the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from trellis.authoring.fixes import INDENT, QUOTE, TABS, Fix, indented, proposed
from trellis.errors import Unreadable
from trellis.model.edits import applied
from trellis.model.graph import TARGETS
from trellis.model.problems import Problem
from trellis.project.loaders import Loader, Reload

ROUNDS = 20
"""How often what is mended is looked at again: a fault of the YAML hides others."""

Check = Callable[[Loader], Sequence[Problem]]
"""All problems of the documents that are mended; a problem's path is the name of a document."""


class Edited:
    """A loader as it would be if some of its documents had other texts."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.texts: dict[str, str] = {}

    def get(self, name: str) -> bytes:
        text = self.texts.get(name)
        return self.loader.get(name) if text is None else text.encode()

    def list(self, under: str = "") -> Iterable[str]:
        return self.loader.list(under)

    def watch(self) -> AsyncIterator[Reload]:
        return self.loader.watch()


def mend(loader: Loader, check: Check) -> tuple[dict[str, str], list[Fix]]:
    """The texts of the documents that were mended, by name, and the fixes in the order in which they were made.

    The places of a fix are those of the text that it was made in, in which the ones before it are made already. Nothing
    is written. Raises nothing for what is in documents.
    """
    now = Edited(loader)
    done: list[Fix] = []
    for _ in range(ROUNDS):
        made = _round(now, check)
        if not made:
            break
        done += made
    return now.texts, done


def _round(now: Edited, check: Check) -> list[Fix]:
    """The certain fixes of what is wrong now, made."""
    problems = list(check(now))
    found: dict[str, list[Fix]] = {}
    names: dict[str, bool] = {}
    for problem in problems:
        text = _text(now, problem.path)
        fix = None if text is None else proposed(problem, text)
        if fix is None or text is None:
            continue
        if (known := f"{problem.path} {fix.title}") not in names or fix.title == TABS:
            names[known] = _is_sure(fix, text, now, check, problems)
        if names[known]:
            found.setdefault(problem.path, []).append(fix)
    done: list[Fix] = []
    for path, fixes in found.items():
        before = _text(now, path)
        assert before is not None
        made: list[Fix] = []
        waiting = [_apart(fixes)]
        while waiting:
            few = waiting.pop()
            now.texts[path] = _with(before, [*made, *few])
            left = list(check(now))
            if _is_better(problems, left, few, before):
                made += few
                problems = left
            elif len(few) > 1:  # one of them is not certain
                waiting += [few[len(few) // 2 :], few[: len(few) // 2]]
        if made:
            now.texts[path] = _with(before, made)
        elif before == _text(Edited(now.loader), path):
            del now.texts[path]
        else:
            now.texts[path] = before
        done += sorted(made, key=lambda fix: fix.problem)
    return done


def _text(now: Edited, name: str) -> str | None:
    try:
        return now.get(name).decode()
    except (Unreadable, UnicodeDecodeError):
        return None


def _with(text: str, fixes: Iterable[Fix]) -> str:
    return applied(text, [edit for fix in fixes for edit in fix.edits])


def _apart(fixes: list[Fix]) -> list[Fix]:
    """Those of them that touch different characters; of two that do not, the first."""
    kept: list[Fix] = []
    end = -1
    for fix in sorted(fixes, key=lambda fix: (fix.edits[0].start, fix.problem)):
        if fix.edits and fix.edits[0].start > end:
            kept.append(fix)
            end = max(edit.end for edit in fix.edits)
    return kept


def _is_better(before: Sequence[Problem], after: Sequence[Problem], fixes: Sequence[Fix], text: str) -> bool:
    """Whether what was to be mended in `text` is gone, and nothing came for it."""
    if all(fix.problem.code < "E2" for fix in fixes):
        # A fault of the YAML hides what comes behind it, so others may show now: of the YAML where it has nothing to do
        # with the fix, as the mended line is sound by itself.
        new = {problem for problem in after if problem.code < "E2"} - set(before)
        last = max(fix.problem.line for fix in fixes)
        is_alone = all(fix.title == TABS or _is_sound_alone(fix, text) for fix in fixes)
        places = {place for fix in fixes for place in _places(fix, text)}
        if any((found.path, found.line, found.column) in places for found in set(after) - set(before)):
            return False  # what was quoted is no text or expression after all
        return not new.intersection(fix.problem for fix in fixes) and all(
            is_alone and problem.line > last for problem in new
        )
    if any(problem.severity == "error" for problem in before):
        # What is no more than a warning may be told of only once names are known.
        before, after = ([one for one in each if one.severity == "error"] for each in (before, after))
        fixes = [fix for fix in fixes if fix.problem.severity == "error"]
    had = Counter((problem.path, problem.code, problem.message) for problem in before)
    has = Counter((problem.path, problem.code, problem.message) for problem in after)
    return has <= had and has.total() <= had.total() - len(fixes)


def _places(fix: Fix, text: str) -> Iterator[tuple[str, int, int]]:
    """Where the edits of a fix begin in a text, as problems say it."""
    if fix.title != TABS:
        for edit in fix.edits:
            before = text[: edit.start].removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
            yield edit.path, before.count("\n") + 1, len(before) - before.rfind("\n")


def _is_sound_alone(fix: Fix, text: str) -> bool:
    """Whether the line of a fix is YAML by itself once it is mended."""
    from trellis.loaders import read

    line = fix.applied(text).splitlines()[fix.problem.line - 1].strip()
    return not any(problem.code < "E2" for problem in read("", line.encode()).problems)


def _is_sure(fix: Fix, text: str, now: Edited, check: Check, problems: list[Problem]) -> bool:
    if fix.title == TABS:
        return _is_one_meaning(fix, text)
    if fix.title == QUOTE and fix.problem.code != "E202":
        (edit,) = fix.edits
        plain = re.sub(r"\"[^\"]*\"|'[^']*'", "", text[edit.start : edit.end])
        return not re.search(r"[\w.-]+:(\s|$)", plain)  # it may be that a comma is missing before another key
    renamed = re.fullmatch(r"write '(.+)' instead of '(.+)'", fix.title)
    if renamed is None:
        return True
    near, name = renamed[1], renamed[2]
    if not _is_slip(name, near):
        return False
    # A key is right where it is one of the format; of two other names the one that is there more often is.
    is_key = fix.problem.code == "E201" and near in _keys()
    if not is_key and near not in TARGETS and (near in _keys() or _count(text, near) <= max(_count(text, name), 1)):
        return False
    others = {word for word in _words(text) if word not in (near, name) and _is_slip(name, word)}
    for other in sorted(others):
        (edit,) = fix.edits
        before = now.texts.get(edit.path)
        now.texts[edit.path] = applied(text, [replace(edit, text=other)])
        rivals = _is_better(problems, list(check(now)), [fix], text)
        if before is None:
            del now.texts[edit.path]
        else:
            now.texts[edit.path] = before
        if rivals:
            return False
    return True


def _is_one_meaning(fix: Fix, text: str) -> bool:
    """Whether all widths of a tab with which the text can be read at all make the same of it."""
    from trellis.loaders import read

    meant = []
    for width in (1, INDENT, 4, 8):
        reading = read(fix.problem.path, applied(text, indented(fix.problem.path, text, width)).encode())
        if any(problem.code == "E113" for problem in reading.problems):
            return False
        if not any(problem.code < "E2" for problem in reading.problems):
            meant.append(repr(reading.document.data if reading.document is not None else None))
        elif width == INDENT:
            return False
    return len(set(meant)) == 1


def _count(text: str, name: str) -> int:
    """How often a name stands in a text."""
    return len(re.findall(rf"(?<![\w$]){re.escape(name)}(?!\w)", text))


def _words(text: str) -> set[str]:
    """Every name that may have been meant: those of the document and those of the format."""
    return set(re.findall(r"[A-Za-z_$][\w.-]*\w", text)) | _keys()


def _keys() -> set[str]:
    from trellis.loaders.rules import Rule, document_rule

    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[Rule] = [document_rule()]
    for rule in waiting:
        if id(rule) in seen:
            continue
        seen.add(id(rule))
        found |= rule.properties.keys()
        waiting += [*rule.properties.values(), *(member for _, member in rule.members)]
        waiting += [*([rule.items] if rule.items else []), *(rule.kinds or {}).values()]
    return found


def _is_slip(name: str, other: str) -> bool:
    """Whether one letter makes the other name: one more, one less, another one, two that changed places, or their case."""
    if name.casefold().replace("-", "_") == other.casefold().replace("-", "_"):
        return True
    if len(name) > len(other):
        name, other = other, name
    if len(other) - len(name) > 1 or len(other) < 3:
        return False
    at = next((place for place, letter in enumerate(name) if letter != other[place]), len(name))
    if len(name) < len(other):
        return name[at:] == other[at + 1 :]
    swapped = other[:at] + other[at : at + 2][::-1] + other[at + 2 :]
    return name[at + 1 :] == other[at + 1 :] or name == swapped
