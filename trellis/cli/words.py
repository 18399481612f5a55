"""Event lines as people read them: one short line each, and nothing for what only machines care about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from trellis.cli.output import harmless

Line = dict[str, Any]
END = "."
"""A line that ends a text of several lines."""
CHANGES = 12
"""Differences between two versions that are said; `--output json` has all."""
MOST = 4000
"""Characters of what a call would do, as a person is shown it who decides."""
LONGEST = 400
"""Characters of a message that a line shows; `--output json` has all of it."""


class Glyphs(NamedTuple):
    """The marks that lines begin with."""

    call: str
    done: str
    failed: str
    undo: str
    wait: str
    ask: str = "?"
    signal: str = "!"
    left: str = "-"
    saved: str = "~"


FINE = Glyphs("→", "✓", "✗", "↶", "…", saved="↻")
PLAIN = Glyphs("->", "ok", "x", "<-", "...")


def glyphs_for(encoding: str | None) -> Glyphs:
    """The fine marks where an output of this encoding can show them, else those of ASCII."""
    try:
        "".join(FINE).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return FINE


class Words:
    """Says event lines. It remembers what was undone, for the last line, and the attempts that returned.

    `paint` gives a text a color.
    """

    def __init__(
        self,
        glyphs: Glyphs = FINE,
        *,
        paint: Callable[[str, str], str] | None = None,
    ) -> None:
        self.glyphs = glyphs
        self.paint = paint or (lambda text, _: text)
        self._undoing: set[str] = set()
        self._undone: list[str] = []
        self._attempts: dict[str, int] = {}

    def say(self, line: Line) -> str | None:
        """The text of one line, None where people are told nothing."""
        speak: Callable[[Words, Line], str | None] | None = _SPEAKERS.get(line["type"])
        return speak(self, line) if speak is not None else None

    def answered(self, question: Line, answer: object) -> str:
        """A question with its answer, on one line."""
        shown = "***" if question["kind"] == "secret" else one_line(plain(answer))
        return f"{self.asked(question)}: {shown}"

    def asked(self, question: Line) -> str:
        """A question as one line."""
        reason = f"{question['reason']}; " if question.get("reason") else ""
        what = once_more(question) if question.get("again") else f"{question['node']}  {reason}{wanted(question)}"
        return f"{self._mark('ask', 'cyan')} {reason * ('again' in question)}{what}"

    def good(self, text: str) -> str:
        return f"{self._mark('done', 'green')} {text}"

    def bad(self, text: str) -> str:
        return f"{self._mark('failed', 'red')} {text}"

    def _mark(self, name: str, color: str) -> str:
        return self.paint(getattr(self.glyphs, name), color)

    def _called(self, line: Line) -> str | None:
        if line["node"] in self._undoing and line["attempt"] == 1:
            return None  # `undo.started` has said it
        if "purpose" in line:
            return f"{self._mark('call', 'blue')} {line['node']}  {line['tool']}  {BESIDE[line['purpose']]}"
        return f"{self._mark('call', 'blue')} {line['node']}  {called(line)}  attempt {line['attempt']}"

    def _returned(self, line: Line) -> str | None:
        error = line.get("error")
        if "purpose" in line:
            return None if error is None else self.bad(f"{line['node']} {BESIDE[line['purpose']]} {_told(error)}")
        self._attempts[line["node"]] = line["attempt"]
        if error is not None:
            return self.bad(f"{line['node']} {_told(error)}")
        return None if line["node"] in self._undoing else self.good(line["node"])

    def _waits(self, line: Line) -> str | None:
        if line["purpose"] == "wait":
            return f"{self._mark('wait', 'yellow')} {line['node']} goes on in {between(line['at'], line['due'])}"
        if line["purpose"] != "retry":
            return None
        last = self._attempts.get(line["node"])
        which = f" (attempt {last + 1})" if last is not None else ""
        return f"{self._mark('wait', 'yellow')} {line['node']} again in {between(line['at'], line['due'])}{which}"

    def _fired(self, line: Line) -> str | None:
        said = {"timeout": "timed out", "deadline": "is past its deadline"}.get(line["purpose"])
        return self.bad(f"{line['node']} {said}") if said else None

    def _signal(self, line: Line) -> str:
        data = f"  {compact(line['data'])}" if line.get("data") else ""
        kept = "  kept until something takes it" if line.get("buffered") else ""
        return f"{self._mark('signal', 'yellow')} {line['name']}{data}{kept}"

    def _undo_started(self, line: Line) -> str:
        self._undoing.add(line["node"])
        return f"{self._mark('undo', 'yellow')} {line['node']}  {line['tool']}"

    def _undo_done(self, line: Line) -> str:
        self._undoing.discard(line["node"])
        if line.get("error"):
            return self.bad(f"undo of {line['node']} {_told(line['error'])}")
        self._undone.append(line["node"])
        return self.good(f"undid {line['node']}")

    def _reload(self, line: Line) -> str:
        """What a save came to, in lines: what differs and what that is for each run; or all that is wrong."""
        document, problems = line["document"], line["problems"]
        if not line["live"]:
            stays = f"version {line['graph'][:12]} stays live" if line["graph"] else "no version is live yet"
            told = [self.bad(f"{document} is broken, {stays}")]
        elif line["before"] == line["graph"] and not line["changes"]:
            told = [f"{self._mark('saved', 'cyan')} {document} is sound, and means what it meant"]
        else:
            changes = line["changes"][:CHANGES]
            more = len(line["changes"]) - len(changes)
            listed = ", ".join([*changes, *([f"and {more} more"] if more else [])])
            told = [f"{self._mark('saved', 'cyan')} {document}  {one_line(listed) or line['graph'][:12]}"]
        told += [
            f"  {one['path']}:{one['line']}:{one['column']}: {one['code']} {one['message']}"
            + (f" ({one['hint']})" if one["hint"] else "")
            for one in problems
        ]
        for run in line["runs"]:
            stays = f"stays with its version: {'; '.join(run['reasons'])}"
            told.append(f"  {run['run']} {'adopted it' if run['adopted'] else one_line(stays)}")
        if line.get("staying"):
            told.append(
                f"  {line['staying']} open {'run keeps its' if line['staying'] == 1 else 'runs keep their'} version"
            )
        return "\n".join(told)

    def _error(self, line: Line) -> str:
        return self.bad(f"{line['node']} {BESIDE[line['purpose']]} {_told(line)}")

    def _finished(self, line: Line) -> str:
        status, error = line["status"], line.get("error")
        color = "green" if status == "completed" else "yellow" if status in _MILD else "red"
        word = status.replace("_", " ")
        told: list[str] = []
        if status in ("rolled_back", "rollback_failed"):
            lost = [failure["node"] for failure in line.get("undo_failed", ())]
            told = [
                f"{what} {', '.join(nodes)}"
                for what, nodes in (("could not undo", lost), ("undid", self._undone))
                if nodes
            ]
            told = ["; ".join(told)]
        elif error:
            word += f" at {error['node']}" if error["node"] else ""
            told = ["" if error["code"] == _IMPLIED.get(status) else error["code"], error["message"]]
        if line.get("result") is not None:
            told.append(compact(line["result"]))
        return ": ".join((self.paint(word, color), *(one_line(part) for part in told if part)))


_MILD = ("cancelled", "rolled_back")
_IMPLIED = {"failed": "failed", "denied": "denied", "timed_out": "timeout", "cancelled": "cancelled"}
"""The code of the error that a status tells by itself."""
_SPEAKERS: dict[str, Callable[[Words, Line], str | None]] = {
    "say": lambda _, line: str(line["text"]),
    "tool.called": Words._called,
    "tool.returned": Words._returned,
    "emit.sent": Words._called,
    "emit.returned": Words._returned,
    "child.started": Words._called,
    "child.finished": Words._returned,
    "timer.set": Words._waits,
    "timer.fired": Words._fired,
    "signal": Words._signal,
    "undo.started": Words._undo_started,
    "undo.done": Words._undo_done,
    "error": Words._error,
    "reload": Words._reload,
    "run.finished": Words._finished,
}


def called(line: Line) -> str:
    """What an attempt makes: the tool that is called, the signal that is sent and the run that it is for, or the graph that is
    used."""
    if "graph" in line:
        return str(line["graph"])
    return str(line["tool"]) if "tool" in line else f"{line['signal']} to {one_line(line['to'])}"


def below(line: Line, prefix: str) -> Line:
    """A line of a child run as one of the run above it: with the whole name of its node, and of no type where only the
    run above begins and ends."""
    if line["type"] in ("run.started", "run.finished"):
        return {**line, "type": ""}
    return {**line, "node": prefix + line["node"]} if "node" in line else line


def between(start: str, end: str) -> str:
    """The time from one timestamp to another, as a graph writes it: `1h`, `2m30s`, `250ms`."""
    from datetime import datetime, timedelta

    span = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    milliseconds = max(round(span / timedelta(milliseconds=1)), 0)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.3g}s"
    seconds = round(milliseconds / 1000)
    parts = ((seconds // 86_400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)


def once_more(question: Line) -> str:
    """A question for a secret that the run had already. `why` it is asked for, where it is kept and cannot be read."""
    return f"secret '{question['field']}' again ({question.get('why') or 'no store keeps it'})"


def wanted(question: Line) -> str:
    """What a question is for: the field, and what may be said."""
    if question["kind"] == "tool":
        return f"{harmless(shortened(' '.join(question['text'].split())))} (yes or no)"
    if question["kind"] == "form":
        return "; ".join(map(wanted, question["form"]))
    options = ", ".join(map(plain, question.get("options", ())))
    may = "any of " * (question["kind"] == "multi") + options if options else _KINDS.get(question["kind"], "")
    may = f"lines, up to one that is only {END}" if question.get("lines") else may
    default = f"default {usual(question)}" if "default" in question else ""
    by = f"by {', '.join(question['by'])}" if "by" in question else ""
    both = "; ".join(filter(None, (may, default, by, so_far(question))))
    return f"{question['field']} ({both})" if both else str(question["field"])


_KINDS = {
    "confirm": "yes or no", "int": "a whole number", "number": "a number", "secret": "not shown",
    "date": "a date, as 2030-01-31",
}  # fmt: skip


def usual(question: Line) -> str:
    """The default of a question, as one would type it."""
    default = question["default"]
    return ", ".join(map(plain, default)) or "none" if question["kind"] == "multi" else plain(default)


def so_far(question: Line) -> str:
    """How far an approval by several is: `1 of 2, from ana`; empty for any other question."""
    if "quorum" not in question:
        return ""
    given = question["given"]
    return f"{len(given)} of {question['quorum']}" + (f", from {', '.join(given)}" if given else "")


def hindrance(question: Line, who: str) -> str:
    """Why `who`, empty for nobody in particular, cannot answer; empty where they can."""
    if who not in question.get("by", (who,)) or (not who and "quorum" in question):
        return f"'{who}' is no approver" if who else "say who answers with --as"
    return f"'{who}' has approved" if who and who in question.get("given", ()) else ""


def plain(value: object) -> str:
    """A value as one types it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else compact(value)


def compact(value: object) -> str:
    """A value as JSON on one line, cut where it is long."""
    return one_line(msgspec.json.encode(value).decode())


def shortened(text: str) -> str:
    """A text of many lines, cut where it is very long; how much is left out is said, for somebody decides by it."""
    return text if len(text) <= MOST else f"{text[:MOST]}… ({len(text) - MOST:,} more characters)"


def one_line(text: str) -> str:
    """A text of other programs on one line, cut where it is long."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


BESIDE = {"remind": "reminder", "escalate": "escalation"}
"""Purpose of a call beside a question -> what it is called."""


def _told(error: Line) -> str:
    message = one_line(str(error.get("message") or ""))
    return f"{error['code']}: {message}" if message else str(error["code"])
