"""A run on a terminal: what it says stays, and below it stands a tree of what its nodes do, drawn again as they do it."""

from __future__ import annotations

import asyncio
import sys
from time import monotonic
from typing import TextIO

from trellis.cli.cells import cells
from trellis.cli.output import Region, Terminal, size_of
from trellis.cli.rows import Painter, Room
from trellis.cli.screen import TextScreen, losing
from trellis.cli.tree import Tree
from trellis.cli.words import BESIDE, Line, below
from trellis.engine import attempts
from trellis.hosts.family import Family
from trellis.model.graph import Node, static_id

DELAY_S = 0.2
"""A node that is done before then is not drawn."""
EVERY_S = 0.1
IN_TREE = (
    "tool.called",
    "tool.returned",
    "emit.sent",
    "emit.returned",
    "child.started",
    "child.finished",
    "timer.set",
    "undo.started",
)
"""Kinds of lines that the tree shows, and that are not said besides."""


class LiveScreen(TextScreen):
    """Draws only on stdout. While a question is open the tree stands still above it, and news are said in lines."""

    def __init__(self) -> None:
        super().__init__()
        self._family: Family | None = None
        self._tree = Tree(self._node)
        self._painter = Painter(self.words, self._progress, self._waits)
        self._region = Region()
        self._timer: asyncio.TimerHandle | None = None
        self._typing = False
        self._every = EVERY_S
        self._loop: asyncio.AbstractEventLoop

    def follow(self, family: Family) -> None:
        self._family, self._loop = family, asyncio.get_running_loop()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, Terminal):
                stream.region = self._region
        for (
            path,
            token,
        ) in family.run.state.tokens.items():  # of a run that is gone on with; lines tell only of what is new
            facts: Line = {"node": path}
            self._tree.fold({"type": "node.entered", **facts}, monotonic())
            if token.call is not None and token.request:
                called = {"type": attempts.MADE[token.call.kind], **attempts.facts(token.call)}
                self._tree.fold(called, monotonic())
        self._plan()

    def rest(self) -> None:
        if self._family is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._draw(asking=True)
        finally:
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, Terminal):
                    stream.region = None
            self._family = None

    def show(self, line: Line, prefix: str = "") -> None:
        line = below(line, prefix) if prefix else line
        prompted = bool(self._prompt)
        root = self._tree.root
        finished = self._tree.fold(line, monotonic())
        lines = []
        if finished is not None and finished.acted and not (prompted and root is finished and not finished.rows):
            lines += self._painter.finished(finished, self._room().width)
        text = self.words.say(line)
        if text is not None and (prompted or line["type"] not in IN_TREE or line.get("purpose") in BESIDE):
            lines.append(text)
        if lines:
            self.put("\n".join(lines))

    def put(self, text: str) -> None:
        super().put(text)
        self._plan()

    def ask(self, above: str, prompt: str, *, shown: bool = True) -> None:
        self._draw(asking=True)
        self._region.lines = ()  # they stay
        super().ask(above, prompt, shown=shown)
        self._region.fresh = False
        self._region.interrupted = self._others

    def close_prompt(self, end: str = "", *, typing: bool = False) -> None:
        self._region.interrupted = None
        super().close_prompt(end, typing=typing)
        self._typing = typing
        self._region.fresh = True  # whoever typed has ended the line
        self._plan()

    def _write(self, stream: TextIO, text: str) -> None:
        with self._region.lock:
            self._region.own = True
            try:
                super()._write(stream, text)
            finally:
                self._region.own = False

    def _others(self) -> None:
        """Somebody else, from whatever thread, writes at the open prompt: it is shown again below."""
        self._loop.call_soon_threadsafe(self._loop.call_later, EVERY_S, self._below_others)

    def _below_others(self) -> None:
        if not self._prompt:
            return
        if not (self._region.fresh or self._left):
            self._write(self._prompts, "\n")
        self._left = True
        self.prompt_again()
        self._region.interrupted = self._others

    def _plan(self) -> None:
        if self._timer is None and self._family is not None:
            self._timer = self._loop.call_later(self._every, self._tick)

    def _tick(self) -> None:
        self._timer = None
        begun = monotonic()
        self._draw()
        self._every = max(EVERY_S, 20 * (monotonic() - begun))  # a tree of thousands takes no more than its share
        self._plan()

    def _draw(self, *, asking: bool = False) -> None:
        """Draw the tree as it is now, if no prompt is in its way. Where one comes next, the node that asks is left out."""
        stream = sys.stdout
        if self._prompt or self._typing or self._family is None or not isinstance(stream, Terminal):
            return
        now, room = monotonic(), self._room()
        root = self._tree.root
        lasting = bool(self._tree.undone) or (root is not None and now - root.since >= DELAY_S)
        if asking and root is not None and root.question is not None:
            lasting = False
        lines = self._painter.live(self._tree, now, room) if lasting else []
        if not lines and not self._region.lines:
            return
        with losing(stream):
            stream.draw(lines, [min(cells(line), room.width) for line in lines])

    def _room(self) -> Room:
        columns, lines = size_of(sys.stdout)
        return Room(columns - 1, max(lines - 2, 1))

    def _node(self, path: str) -> Node | None:
        if self._family is None:
            return None
        prefix, run = self._family.at(path)
        return run.graph.definition.nodes.get(static_id(path[len(prefix) :]))

    def _progress(self, path: str) -> tuple[int, int, int] | None:
        if self._family is None:
            return None
        prefix, run = self._family.at(path)
        token = run.state.tokens.get(path[len(prefix) :])
        if token is None or token.join is None:
            return None
        return len(token.join.done or ()), len(token.join.failed or ()), token.join.total

    def _waits(self, path: str) -> str:
        from trellis.cli.standing import told, wait_of
        from trellis.hosts.clock import SystemClock

        assert self._family is not None
        prefix, run = self._family.at(path)
        wait = wait_of(run.graph, run.state, path[len(prefix) :])
        return told(wait, SystemClock().now()) if wait is not None and wait["for"] != "nothing" else ""

    def again(self) -> None:
        # Others wrote to the terminal meanwhile.
        self._region.lines, self._region.fresh = (), True
        if self._prompt:
            self._left = True
            self.prompt_again()
