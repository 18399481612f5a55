"""`trellis run --watch`: stay with a graph while somebody writes it: each good save is taken up by its run, or by a new one."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NoReturn, Protocol

from trellis.cli import INTERRUPTED, tell
from trellis.cli.keys import Keys
from trellis.cli.options import Options
from trellis.cli.places import open_kept
from trellis.cli.reloads import line, shown
from trellis.cli.screen import OutputLost, TextScreen
from trellis.cli.screens import screen_for
from trellis.cli.session import Session, WayBack, begun, lost, stayed
from trellis.cli.sources import Answers, answers_for
from trellis.cli.typed import TypedLines
from trellis.errors import InvalidGraph, TrellisError
from trellis.hosts.approving import ask_always
from trellis.hosts.local import Host, Run
from trellis.hosts.moving import OnChange
from trellis.hosts.reloading import Reloaded
from trellis.model.graph import Graph
from trellis.project.files import find_root
from trellis.project.loaders import FileLoader
from trellis.stores.base import Store


class Start(Protocol):
    """Starts a run of a version on a host, given the secrets that it needs again."""

    def __call__(self, host: Host, secrets: Mapping[str, str], *, graph: Graph, first: bool) -> Awaitable[Run]: ...


def hold_watched(file: str, given: set[str], start: Start, options: Options, on_change: OnChange) -> int:
    """Run the graph in a file, and again after each good save, until somebody stops it. Gives the exit code.

    Raises TrellisError where not even the first run can begin for a reason that no save mends.
    """
    log, silence = logging.getLogger("trellis"), _Warnings()
    log.addHandler(silence)
    author = Author(file, options)
    try:
        with author.screen.alone():
            return asyncio.run(author.stay(given, start, on_change))
    except KeyboardInterrupt:
        tell("interrupted")
        author.way.tell()
        return INTERRUPTED
    finally:
        log.removeHandler(silence)


class _Warnings(logging.Handler):
    """Says that documents cannot be watched; of runs the lines tell."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and record.getMessage().startswith(
            ("documents", "nobody tells", "a fault")
        ):
            tell(f"warning: {record.getMessage()}")


class Author:
    """The session of whoever writes the graph: at most one run at a time, and what is said between two."""

    def __init__(self, file: str, options: Options) -> None:
        self.options, self.screen, self.way = options, screen_for(options.output), WayBack(options)
        self.left = False
        self._files = FileLoader(find_root(file))
        self._name = self._files.name(file)
        self._lines = TypedLines()
        self._session: Session | None = None
        self._run: Run | None = None
        self._shown: dict[str, int] = {}
        """The last line that was shown of the run, and of those that it uses."""
        self._stop = asyncio.Event()
        self._lost: int | None = None
        """The exit code, where nobody reads any more what is written."""
        self._saved = asyncio.Event()
        """There is a version that no run goes by."""
        self._moved = asyncio.Event()
        """The run that waits has another version now."""

    async def stay(self, given: set[str], start: Start, on_change: OnChange) -> int:
        options = self.options
        with Keys(self._again) as keys:
            store = open_kept(options.store, options.root, options.existing)
            approve = ask_always if options.ask_tools else None
            try:
                async with Host(
                    store,
                    allow=options.allow,
                    approve=approve,
                    watch=self._files,
                    on_change=on_change,
                    reloaded=self._heard,
                ) as host:
                    keys.session = self
                    return await self._repeat(host, store, keys, given, start)
            finally:
                await store.close()

    async def _repeat(self, host: Host, store: Store, keys: Keys, given: set[str], start: Start) -> int:
        first = True
        while True:
            self._saved.clear()
            graph = await self._sound(host, given)
            if graph is not None:
                answers = self._answers()
                self._run = await self._begun(
                    partial(start, graph=graph, first=first), host, store, answers, first=first
                )
                if self._run is not None:
                    first = False
                    code = await self._with(self._run, answers, keys)
                    if self._stop.is_set():
                        return code
            while not (self._saved.is_set() or self._stop.is_set()):
                self._moved.clear()
                tell(f"{self._mark()} waiting for {shown(self._files, self._name)} to be saved; Ctrl-C ends")
                left = self._run if self._run is not None and not self._run.closed else None
                await _first(
                    self._saved.wait(), self._moved.wait(), self._stop.wait(), *([left.result()] if left else [])
                )
                if left is not None and (self._moved.is_set() or left.closed):
                    code = await self._with(left, self._answers(), keys)
                    if self._stop.is_set():
                        return code
            if self._stop.is_set():
                if self._lost is None:
                    tell("interrupted")
                self.way.tell()
                return INTERRUPTED if self._lost is None else self._lost
            self.way.tell()  # of a run that is left behind
            self._run = None
            self._shown.clear()
            self.screen = self._fresh()

    async def _begun(
        self, begin: Callable[..., Awaitable[Run]], host: Host, store: Store, answers: Answers, *, first: bool
    ) -> Run | None:
        """A run of the version that is live; None where it cannot begin so. Raises TrellisError, of the first one."""
        try:
            return await begun(begin, host, store, answers, self.screen, self.way)
        except TrellisError as error:
            if first:
                raise
            tell(f"error: {error}")
            return None

    async def _sound(self, host: Host, given: set[str]) -> Graph | None:
        """The version that is live; None where there is none yet. Raises InvalidGraph where there is no such file."""
        try:
            return await host.graph(self._name, given=given)
        except InvalidGraph as error:
            problems = tuple(error.problems)
            if any(str(problem).startswith(f"{self._name}:1:1: E100") for problem in problems):
                raise
            self._heard(Reloaded(self._name, None, None, problems, broken=True))  # type: ignore[arg-type]
            return None

    async def _with(self, run: Run, answers: Answers, keys: Keys) -> int:
        """Stay with a run until it ends, or nothing but a save can move it on. Gives the exit code."""
        session = self._session = Session(run, self.screen, answers, self.way, self.options.by, self._shown)
        try:
            code = await stayed(session, run, keys)
        finally:
            self._session = None
            keys.session = self
        if session.lost is not None:
            self._lost = session.lost
        if session.stopping or self._lost is not None:
            self._stop.set()
            self.way.tell()
        return code if self._lost is None else self._lost

    def _heard(self, reloaded: Reloaded) -> None:
        run = self._run
        if not reloaded.broken:
            if run is not None and any(moved.adopted and moved.run == run.id for moved in reloaded.runs):
                self._moved.set()  # where it does not wait, it goes on by itself
            elif self._session is None or reloaded.before != reloaded.graph:
                self._saved.set()
        try:
            self._show(reloaded, run)
        except OutputLost as error:
            self._lost = lost(error)
            self._stop.set()
            if self._session is not None:
                self._session.stop()
        if self._session is not None:
            self._session.interrupted()

    def _show(self, reloaded: Reloaded, run: Run | None) -> None:
        self.screen.show(line(reloaded, self._files, run.id if run is not None else ""))
        if run is not None and any(moved.adopted for moved in reloaded.runs):
            for request in run.questions:  # they are asked by the new version
                if request.prompt:
                    self.screen.put(str(request.prompt))

    def _answers(self) -> Answers:
        return answers_for(self.options, self.screen, self._lines)

    def _fresh(self) -> TextScreen:
        """A screen that knows nothing of the run before."""
        return self.screen if self.options.output == "json" else screen_for(self.options.output)

    def _mark(self) -> str:
        return self.screen.words.glyphs.wait

    def _again(self) -> None:
        self.screen.again()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def interrupt(self) -> None:
        """Between two runs: stop."""
        self._stop.set()

    stop = interrupt

    def leave(self) -> NoReturn:
        """End the process now. The journal has all that was recorded."""
        self.way.tell_at_once()
        os._exit(INTERRUPTED)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them is over; what becomes of it is told elsewhere."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
