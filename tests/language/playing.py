"""Plays an example of a page in this process: its steps on a clock turned by hand, its tools as the steps say.

A step is one line, `WORD NAME: VALUE`, its value YAML:

    set FIELD: VALUE          a start value                tool NAME: VALUE          what it gives; again: what it gives next
    allow: [process]          permissions; all without     tool NAME fails: CODE words
    answer NODE: VALUE        as it is typed               tool NAME hangs           it never ends
    answer NODE as WHO: VALUE                              tool NAME takes 10s: VALUE
    signal NAME: {key: VALUE}                              tool NAME echoes          it gives its arguments
                                                           tool NAME beats 20s 5s: VALUE   after so long, so long, gives
    later: 1h                 so much time passes
    cancel: why               locale: pt-BR             the language of the run
    ask: tools                as with --ask-tools  run NAME: FILE      another run, of a file of the page, is there before

`"x" * 1000` and `[1] * 1000` are long values. A tool that no step speaks of gives null, but for a process, and a function in a file of the page: these are real.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.hosts.scenes import play
from tests.language.page import Example
from trellis.cli.words import Words, below
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, TrellisError
from trellis.hosts.approving import ask_always
from trellis.hosts.family import Family
from trellis.hosts.local import Host
from trellis.model.actions import CallTool
from trellis.model.durations import parse_duration
from trellis.model.problems import Problem
from trellis.project import load, validate
from trellis.testing.clocks import ManualClock

Line = dict[str, Any]
STEP = re.compile(r"(?P<word>\w+)(?: (?P<name>[\w.\[\]-]+))?(?: (?P<more>[^:]+))?(?:: (?P<value>.*))?", re.DOTALL)
BEFORE = ("set", "allow", "locale", "tool", "ask", "run")
SPINS = 100
"""How often everything else may go on before a run that said nothing is taken to be at rest."""
LOUD = ("tool.returned", "emit.returned", "timer.fired", "undo.done", "error", "run.finished", "child.finished")


TIMES = re.compile(r"""(".*"|\[.*\]) \* ([\d_]+)""")


def parsed(text: str | None) -> Any:
    """A value as YAML has it; `"x" * 1000` is that text, or list, so many times in a row."""
    if text and (many := TIMES.fullmatch(text)):
        return parsed(many[1]) * int(many[2])
    return YAML(typ="safe").load(text) if text else None


def changed(text: str, changes: Sequence[str]) -> str:
    """The document with other values: `path: VALUE` sets, `- path` removes; a part with dots is quoted."""
    document = parsed(text)
    for change in changes:
        path, _, value = change.removeprefix("- ").partition(": ")
        steps = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^."]+)', path)]
        part = document
        for step in steps[:-1]:
            part = part[int(step)] if isinstance(part, list) else part.setdefault(step, {})
        last: Any = int(steps[-1]) if isinstance(part, list) else steps[-1]
        if change.startswith("- "):
            del part[last]
        else:
            part[last] = parsed(value)
    return json.dumps(document, ensure_ascii=False)


def written(example: Example, folder: Path, text: str) -> Path:
    """The example as a file in a folder, with the other files of its page beside it."""
    for name, content in {**example.files, example.file: text}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return folder / example.file


def problems(path: Path) -> list[str]:
    """What is wrong with the file, without places."""
    return [_said(found) for found in validate([path])]


def _said(found: Problem) -> str:
    return str(found).removeprefix(f"{found.path}:{found.line}:{found.column}: ")


class Playing:
    """One run of a file. `lines` are its event lines; `said` what a terminal says of them, `loud` the faults and the end."""

    def __init__(self, path: Path, files: Sequence[str] = ()) -> None:
        self._path, self._files = path, files
        self._clock = ManualClock()
        self._tools: dict[str, list[tuple[str, Any]]] = {}
        self._asleep: set[str] = set()
        self._words = Words()
        self._heard = asyncio.Event()
        self.lines: list[Line] = []
        self.said: list[str] = []
        self.loud: list[str] = []

    def play(self, steps: Sequence[str]) -> None:
        play(self._scene([self._read(step) for step in steps]))

    @staticmethod
    def _read(step: str) -> tuple[str, str, str, Any]:
        match = STEP.fullmatch(step)
        assert match, f"no step: {step}"
        return match["word"], match["name"] or "", match["more"] or "", parsed(match["value"])

    async def _scene(self, steps: list[tuple[str, str, str, Any]]) -> None:
        fields = {name: value for word, name, _, value in steps if word == "set"}
        allow = next((value for word, _, _, value in steps if word == "allow"), ["process"])
        locale = [value for word, _, _, value in [("locale", "", "", ""), *steps] if word == "locale"][-1]
        for word, name, how, value in steps:
            if word == "tool":
                self._tools.setdefault(name, []).append((how, value))
        graph = load(self._path, tools=(), cache=False)
        declared = {name: tool for each in (*graph.all_used(), graph) for name, tool in each.definition.tools.items()}
        for name, tool in declared.items():
            module = (tool.python or "").partition(":")[0].replace(".", "/")
            if tool.kind == "python" and f"{module}.py" not in self._files:
                self._tools.setdefault(name, [("", None)])
        dispatcher = Dispatcher()
        for name in self._tools:
            dispatcher.register(name, self._tool(name), effect=declared[name].effect)
        approve = ask_always if any(word == "ask" for word, _, _, _ in steps) else None
        async with Host(dispatcher=dispatcher, clock=self._clock, allow=allow, approve=approve) as host:
            for word, name, _, value in steps:
                if word == "run":
                    await host.start(load(self._path.parent / value, cache=False), id=name)
            try:
                run = await host.start(graph, fields, id=self._path.stem, locale=locale)
            except TrellisError as error:
                self._tell(f"error: {error}")
                return
            family = Family(run)
            listening = asyncio.ensure_future(self._listen(family))
            await self._rest(family)
            for word, name, how, value in steps:
                if word not in BEFORE:
                    await self._step(family, word, name, how, value)
                    await self._rest(family)
            listening.cancel()
            await asyncio.wait([listening])
            if not listening.cancelled():
                listening.result()

    def _tool(self, name: str) -> Any:
        async def tool(*, request: Any, **args: Any) -> Any:
            played = self._tools[name]
            how, value = played.pop(0) if len(played) > 1 else played[0]
            if how == "hangs":
                self._asleep.add(request.id)
                await asyncio.Event().wait()
            elif how == "fails":
                code, _, words = str(value).partition(" ")
                raise ActionError(code, words)
            elif how.startswith(("takes ", "beats ")):
                word, *lengths = how.split()
                for length in lengths:
                    self._asleep.add(request.id)
                    over = asyncio.Event()
                    self._clock.alarm(parse_duration(length), over.set)
                    await over.wait()
                    self._asleep.discard(request.id)
                    if word == "beats":
                        request.heartbeat()
            return args if how == "echoes" else value

        return tool

    async def _listen(self, family: Family) -> None:
        async for prefix, line in family.events():
            self.lines.append(line)
            self._heard.set()
            text = self._words.say(below(line, prefix) if prefix else line)
            if line["type"] == "ask" and line.get("reason"):
                self._tell(f"asked again: {line['reason']}")
            elif text is not None and line["type"] == "say":
                self.said.append(text)
            elif text is not None and line["type"] in LOUD and "value" not in line:
                self._tell(text)

    def _tell(self, text: str) -> None:
        self.said.append(text)
        self.loud.append(text)

    async def _step(self, family: Family, word: str, name: str, how: str, value: Any) -> None:
        run = family.run
        try:
            match word:
                case "answer":
                    typed = value if isinstance(value, str | dict | list) else json.dumps(value)
                    prefix, asking = family.at(name)
                    await asking.answer(name.removeprefix(prefix), typed, by=how.removeprefix("as "))
                case "signal":
                    await run.signal(name, **(value or {}))
                case "cancel":
                    await run.cancel(value or "")
                case "later":
                    until = self._clock.now() + parse_duration(value)
                    while (due := self._clock.next_due) is not None and due <= until:
                        self._clock.advance(max(due - self._clock.now(), 0))
                        await self._rest(family)
                    self._clock.advance(until - self._clock.now())
                case _:
                    raise AssertionError(f"no step: {word}")
        except TrellisError as error:
            self._tell(f"error: {error}")

    async def _rest(self, family: Family) -> None:
        """Let everything go on until nothing more happens by itself."""
        told, still = len(self.lines), 0
        while still < SPINS:
            await asyncio.sleep(0)
            calls = (pending.request for run in family.runs for pending in run.state.open.values())
            asked = {proposal.key for run in family.runs for proposal in run.proposals}
            at_work = [
                call
                for call in calls
                if isinstance(call, CallTool) and call.id not in self._asleep and call.idempotency_key not in asked
            ]
            if any(call.tool not in self._tools for call in at_work):
                self._heard.clear()
                await self._heard.wait()  # of a real one, in a thread or a process
            still = 0 if at_work or told != len(self.lines) else still + 1
            told = len(self.lines)


def trace(lines: Sequence[Line]) -> str:
    """The lines of JSON without what they have in common, and without the hash of the graph; those of child runs tell whose."""
    passing = ("v", "seq", "at", "run", "graph")
    shown = [
        ({} if line["run"] == lines[0]["run"] else {"run": line["run"]})
        | {key: value for key, value in line.items() if key not in passing}
        for line in lines
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in shown)
