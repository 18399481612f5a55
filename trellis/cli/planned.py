"""A plan as people read it: the nodes in the order in which they come, then what is needed, how it ends, how long it takes."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterable

from trellis.cli.output import harmless, painted, size_of
from trellis.cli.screen import steerable
from trellis.cli.words import compact, glyphs_for, plain
from trellis.model.durations import LONGEST, format_duration
from trellis.planning.facts import Call, Failing, Node, Plan, Question, Time, Together, Undone, Way
from trellis.planning.ordering import reachable

NARROW = 40
"""Columns below which nothing is wrapped: it would not be read either way."""
DEEPEST = 8
"""Bodies in bodies that are still shown further in."""


def page(plan: Plan) -> str:
    """The page, without an end of line; wrapped on a terminal, in one line for each fact elsewhere."""
    return Page(plan).text()


class Page:
    """One plan, written line by line. A line is an indent and a text; what is too long goes on below, further in."""

    def __init__(self, plan: Plan, lines: list[tuple[int, str, str, str]] | None = None) -> None:
        self._plan = plan
        self._nodes = {node.id: node for node in plan.nodes}
        self._lines = lines if lines is not None else []
        self._glyphs = glyphs_for(getattr(sys.stdout, "encoding", None))
        self._steerable = steerable(sys.stdout)
        self._colored = self._steerable and not os.environ.get("NO_COLOR")
        self._shown: set[str] = set()
        self._follows = {node.id: [way.to for way in node.ways] for node in plan.nodes}

    def text(self) -> str:
        plan = self._plan
        self._line(0, f"{plan.graph}: what would happen; nothing is performed")
        if plan.given:
            self._line(0, f"starts with: {_given(plan)}")
        for note in plan.notes:
            self._line(0, f"note: {note}")
        if plan.failing is not None:
            self._failing(plan.failing)
            return self._written()
        self._head("nodes")
        self._inside()
        if plan.unreached:
            self._head("cannot be reached")
            for one in plan.unreached:
                self._line(1, f"{one.to}: {one.why}")
        for used in plan.graphs:
            self._head(f"{used.file}, which runs at {', '.join(used.at)}")
            Page(used.plan, self._lines).child()
        self._courses()
        self._needs()
        self._endings()
        return self._written()

    def child(self) -> None:
        """What is told of a graph where runs of another one start its own."""
        if self._plan.given:
            self._line(1, f"starts with: {_given(self._plan)}")
        self._inside()
        for one in self._plan.unreached:
            self._line(1, f"never {one.to}: {one.why}")
        if self._plan.signals:
            self._line(1, f"listens to {', '.join(self._plan.signals)}")
        ends = ", ".join(ending.status.replace("_", " ") for ending in self._plan.endings if ending.at)
        self._line(1, f"may end {ends or 'in no way'}; {_time(self._plan.time)}")
        for note in self._plan.notes:
            self._line(1, f"note: {note}")

    def _inside(self) -> None:
        """The nodes, and what holds for all of them."""
        plan = self._plan
        self._region(plan.start, 1)
        for name in plan.states:
            self._region(name, 1)
        routes = [f"{code} {self._arrow} {to}" for code, to in plan.catch.items()]
        if routes:
            self._line(1, f"any node, on an error: {', '.join(routes)}")
        routes = [f"{name} {self._arrow} {to}" for name, to in plan.upon.items()]
        if routes:
            self._line(1, f"any node, on a signal or state: {', '.join(routes)}")

    def _region(self, start: str, indent: int) -> None:
        """The nodes of a region, in the order in which they come: what is sure first, catches last."""
        # A stack, for a chain may be a thousand long.
        stack, listed = [start], set[str]()
        order: list[str] = []
        while stack:
            name = stack.pop()
            if name in listed or name not in self._nodes:
                continue
            listed.add(name)
            order.append(name)
            stack += [way.to for way in reversed(self._nodes[name].ways) if way.to not in listed]
        for place, name in enumerate(order):
            self._shown.add(name)
            self._node(self._nodes[name], indent, order[place + 1] if place + 1 < len(order) else "")

    def _node(self, node: Node, indent: int, following: str) -> None:
        facts = list(self._acts(node))
        self._line(indent, f"  {facts[0] if facts else 'goes on'}", _short(node), "cyan")
        for fact in facts[1:]:
            self._line(indent + 1, fact)
        for body in node.bodies:
            if body.name and len(body.nodes) != 1:
                self._line(indent + 1, f"{body.name}:")
            self._region(body.start, indent + 1 + (len(body.nodes) != 1))
        for way in node.ways:
            told = self._way(node, way, following)
            if told:
                self._line(indent + 1, told)
        for one in node.excluded:
            self._line(indent + 1, f"never {one.to}: {one.why}")

    def _acts(self, node: Node) -> Iterable[str]:
        if node.says:
            yield f"says {_quoted(node.says)}"
        if node.calls is not None:
            yield f"{self._glyphs.call} {self._called(node.calls)}{_known_times(node)}"
        if node.emits is not None:
            data = " ".join(f"{name}={plain(value)}" for name, value in node.emits.data.items())
            yield f"{self._glyphs.signal} sends {node.emits.signal} to run {node.emits.to} {data}".rstrip()
        for question in self._plan.questions:
            if question.node == node.id:
                yield f"{self._glyphs.ask} {_asked(question)}"
        for notice in node.beside:
            what = [self._called(notice.calls)] if notice.calls is not None else []
            what += [f"says {_quoted(notice.says)}"] if notice.says else []
            what += [f"{', '.join(notice.by)} may approve too"] if notice.by else []
            every = f"every {_span(notice.every)}" if notice.kind == "remind" else f"after {_span(notice.every)}"
            times = f", at most {notice.times} times" if notice.kind == "remind" and notice.times else ""
            yield f"{self._glyphs.wait} {every}{times}: {', '.join(what)}"
        if node.waits_for:
            yield f"{self._glyphs.wait} waits for {node.waits_for}"
        if node.uses:
            yield f"{self._glyphs.call} runs {node.uses}{_known_times(node)}"
        if node.bodies:
            yield _bodies(node)
        if node.status:
            yield f"ends the run: {node.status}"
        if node.verb not in _TOLD:
            yield f"{node.verb}: this command knows no more of it"
        if node.sets or node.adds or node.removes:
            written = [f"{name} = {text}" for name, text in node.sets.items()]
            yield "sets " + ", ".join(
                [*written, *(f"+{name}" for name in node.adds), *(f"-{name}" for name in node.removes)]
            )
        if node.undo is not None:
            yield f"{self._glyphs.undo} undone by {self._called(node.undo)}"
        if node.commit:
            yield "commit: from here on nothing before it is undone"

    def _way(self, node: Node, way: Way, following: str) -> str:
        """A way in words; empty for one that goes on to what is shown next, whatever happens."""
        back = "back to " if self._leads_back(way.to, node.id) else f"{self._arrow} "
        if way.kind in ("catch", "upon", "states"):
            if way.kind == "catch" and way.by in self._plan.catch and self._plan.catch[way.by] == way.to:
                return ""
            if way.kind in ("upon", "states") and self._plan.upon.get(way.by) == way.to and way.by not in node.listens:
                return ""
            what = {"catch": "on error", "upon": "on signal", "states": "on state"}[way.kind]
            return f"{what} {way.by} {back}{way.to}"
        if way.taken == "always":
            return "" if way.to == following or (way.to == "$end" and node.region) else f"{back}{way.to}"
        when = f"if {way.by}" if way.by else "otherwise" if way.unless else ""
        depends = f"  ({', '.join(way.depends)})" if way.depends else ""
        undoing = ", undoing what was done since" if way.kind == "undo" else ""
        return f"{back}{way.to}  {when}{undoing}{depends}".rstrip()

    def _leads_back(self, target: str, name: str) -> bool:
        """Whether from a node that is shown already, or this one, there is a way to this one."""
        if target not in self._shown:
            return False
        return name in reachable(self._follows, target)

    def _called(self, call: Call) -> str:
        args = " ".join(f"{name}={plain(value)}" for name, value in call.args.items())
        tools = " or ".join(call.tools)
        tries = "" if call.attempts == 1 else f", {call.attempts or 'any number of'} attempts"
        return f"{tools} {args}".rstrip() + tries

    def _courses(self) -> None:
        plan = self._plan
        if len(plan.courses) < 2:
            return
        self._head("courses, as long as nothing fails")
        for course in plan.courses:
            when = ", ".join(course.when) or "always"
            tools = f"; calls {', '.join(course.tools)}" if course.tools else ""
            self._line(1, f"{course.ending}: {f' {self._arrow} '.join(_few(course.nodes))}")
            self._line(2, f"when {when}{tools}; {_time(course.time)}")

    def _needs(self) -> None:
        plan = self._plan
        if plan.tools:
            self._head("tools")
        for tool in plan.tools:
            what = f"{tool.kind} {tool.declared}" if tool.declared else "registered by the host"
            effect = f", {tool.effect}" if tool.effect else ""
            limit = f", at most {_span(tool.timeout)}" if tool.timeout is not None else ""
            used = [f"at {', '.join(_few(tool.called_at))}"] if tool.called_at else []
            used += [f"to undo {', '.join(_few(tool.undoes))}"] if tool.undoes else []
            used += [f"beside {', '.join(_few(tool.beside))}"] if tool.beside else []
            allow = f"; needs --allow {tool.allow}" if tool.allow else ""
            self._line(1, f"{tool.name}  {what}{effect}{limit}; {'; '.join(used)}{allow}")
        if plan.secrets:
            self._head("secrets")
        for secret in plan.secrets:
            read = f", read at {', '.join(_few(secret.read_at))}" if secret.read_at else ""
            self._line(1, f"{secret.field}  {f'from {secret.source}' if secret.source else 'given or asked for'}{read}")
        if plan.signals:
            self._head("signals it listens to")
            self._line(1, ", ".join(plan.signals))

    def _endings(self) -> None:
        self._head("how it may end")
        for ending in self._plan.endings:
            at = f"at {', '.join(_few(ending.at))}; " if ending.at else ""
            if ending.faults:
                at += f"where an expression, a value or a limit does not fit, at {', '.join(_few(ending.faults))}; "
            color = "green" if ending.status == "completed" else "yellow" if ending.status in _MILD else "red"
            self._line(1, f"  {at}{_time(ending.time)}", ending.status.replace("_", " "), color)
        self._head("time in all")
        self._line(1, _time(self._plan.time))
        for one in self._plan.time.unbounded:
            self._line(1, f"{one.node}: {one.why}")

    def _failing(self, failing: Failing) -> None:
        self._head(f"if {failing.node} fails for good with '{failing.code}'")
        if not failing.reached:
            why = next((one.why for one in self._plan.unreached if one.to == failing.node), "no way leads to it")
            self._line(1, f"it cannot: {why}")
            return
        if failing.attempts != 1:
            self._line(
                1,
                f"after {failing.attempts or 'any number of'} attempts"
                if failing.attempts
                else "it is tried again for ever",
            )
        for route in failing.routes:
            to = f" {self._arrow} {route.to}" if route.to else ""
            self._line(1, f"{route.at}: {route.does}{to}" if route.at else f"{route.does}{to}")
        if failing.goes_on:
            self._line(1, f"the run goes on at {failing.goes_on}")
        elif failing.ends:
            self._line(1, f"the run ends: {failing.ends.replace('_', ' ')}")
        if failing.later:
            self._head(f"should it come to a rollback, at {', '.join(failing.later)}")
        elif failing.ends == "rolled_back":
            self._head("undone, in this order")
        else:
            self._line(1, "nothing is undone")
            return
        for number, step in enumerate(failing.undone, 1):
            if isinstance(step, Together):
                self._line(1, f"{number}. {_TOGETHER[step.of]}")
                for one in step.steps:
                    self._line(2, f"{self._glyphs.undo} {self._undone(one)}")
            else:
                self._line(1, f"{number}. {self._undone(step)}")
        if not failing.undone:
            self._line(1, "nothing")
        if failing.time is not None and failing.undone:
            self._line(1, f"the undoing: {_time(failing.time)}")
        self._head("not undone")
        for kept in failing.kept:
            self._line(1, f"{kept.node}: {kept.why}")
        self._line(1, "fields and declared states: they stay as they are")

    def _undone(self, one: Undone) -> str:
        unless = "" if one.sure else ", if it completed"
        late = "; its call may still be under way then: it is undone when that has ended well" if one.late else ""
        return f"{one.node}  {self._called(one.call)}{unless}{late}"

    @property
    def _arrow(self) -> str:
        return self._glyphs.call

    def _head(self, text: str) -> None:
        self._line(0, "")
        self._line(0, text)

    def _line(self, indent: int, text: str, lead: str = "", color: str = "") -> None:
        """A line that begins with `lead`, in a color where there are any."""
        self._lines.append((indent, harmless(lead), color, harmless(text)))

    def _written(self) -> str:
        columns = size_of(sys.stdout)[0] if self._steerable else 0
        written: list[str] = []
        for indent, lead, color, text in self._lines:
            margin = "  " * min(indent, DEEPEST)
            lines = [margin + lead + text]
            if columns >= NARROW and len(lines[0]) > columns:
                lines = textwrap.wrap(
                    lead + text, columns - 1, initial_indent=margin, subsequent_indent=margin + "    "
                )
            if self._colored and lead and lines[0].startswith(margin + lead):
                lines[0] = margin + painted(lead, color) + lines[0][len(margin + lead) :]
            written += [line.rstrip() for line in lines]
        return "\n".join(written)


def _given(plan: Plan) -> str:
    return ", ".join(f"{name} = {compact(value)}" for name, value in plan.given.items())


_TOLD = frozenset(("say", "ask", "do", "all", "race", "each", "wait", "end", "pass", "use", "emit"))
_MILD = ("cancelled", "rolled_back")
_TOGETHER = {
    "branches": "in parallel, so those that completed, the last first:",
    "items": "for each item, so those that completed, the last first:",
    "loop": "in a loop, so each time it completed, the last first:",
    "states": "what states did, wherever it completed:",
}


def _short(node: Node) -> str:
    """The last part of the id: the rest is what it is shown inside."""
    return node.id.removeprefix(node.region).lstrip(".") or node.id.rpartition(".")[2] if node.region else node.id


def _asked(question: Question) -> str:
    may = ", ".join(map(plain, question.options))
    who = f"by {', '.join(question.by)}" if question.by else ""
    quorum = f"{question.quorum} of them" if question.quorum > 1 else ""
    default = f"default {plain(question.default)}" if question.default is not None else ""
    within = f"within {_span(question.within)}" if question.within is not None else ""
    form = ", ".join(part.field for part in question.form)
    known = "answered already" if question.answered else ""
    facts = "; ".join(filter(None, (may, form, default, who, quorum, within, known)))
    return f"asks for {question.field or 'a form'} ({question.kind}{'; ' + facts if facts else ''})"


def _bodies(node: Node) -> str:
    join = (
        ""
        if node.join in ("", "all")
        else "; failures are collected"
        if node.join == "collect"
        else f"; {node.join} must succeed"
    )
    if node.verb == "all" and [body.name for body in node.bodies] == [""]:
        return "goes through:"
    if node.verb == "each":
        count = "each item" if node.items is None else f"each of {node.items} items"
        side = f", {node.at_once} at a time" if node.at_once else ""
        return f"for {count}{side}{join}:"
    return f"{'the first of' if node.verb == 'race' else 'all of'} {len(node.bodies)} branches{join if node.verb != 'race' else ''}:"


def _known_times(node: Node) -> str:
    return f", at most {_span(node.time.seconds)}" if node.time.seconds is not None else ""


def _time(time: Time) -> str:
    if time.seconds is not None:
        return f"at most {_span(time.seconds)}" if time.seconds else "at once"
    besides = f", besides at most {_span(time.besides)}" if time.besides else ""
    return f"unbounded{besides}"


def _span(seconds: float) -> str:
    return format_duration(round(seconds, 3)) if seconds <= LONGEST else "more than a hundred years"


def _few(names: tuple[str, ...], most: int = 12) -> list[str]:
    return (
        list(names)
        if len(names) <= most
        else [*names[: most // 2], f"… {len(names) - most} more …", *names[-most // 2 :]]
    )


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line if len(line) <= 60 else line[:59] + '…'}”"
