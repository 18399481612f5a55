"""What `trellis worker` does: a host serves a store until it is told to stop, and says which runs it takes and ends."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from functools import partial
from types import FrameType
from typing import Any

from trellis.cli import INTERRUPTED, UNWRITABLE, counted, discard_output, tell
from trellis.cli.delivery import kinds_needed
from trellis.cli.output import put_data
from trellis.cli.places import open_kept, root_here, shown
from trellis.cli.reloads import facts
from trellis.cli.watching import Watched
from trellis.cli.words import Words, glyphs_for, one_line
from trellis.errors import PermissionNeeded, UsageError
from trellis.hosts.clock import SystemClock
from trellis.hosts.lines import VERSION, timestamp
from trellis.hosts.local import Host
from trellis.hosts.moving import OnChange
from trellis.hosts.reloading import Reloaded
from trellis.model.graph import Graph
from trellis.project.files import find_root
from trellis.project.loaders import FileLoader

STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def serve(
    files: Sequence[str],
    store: str | None,
    allow: Collection[str],
    at_once: int,
    output: str,
    *,
    watch: bool = False,
    on_change: OnChange = "keep",
) -> int:
    """Serve until stopped. Gives the exit code; raises TrellisError where it cannot begin."""
    if store == "memory://":
        raise UsageError(
            "a worker needs a store that other processes reach, and memory:// is its own; name another --store"
        )
    graphs = graphs_in(files, allow)
    watched = _watched(files) if watch else None
    return asyncio.run(_serve(store, graphs, allow, at_once, watched, on_change, as_json=output == "json"))


def _watched(files: Sequence[str]) -> tuple[FileLoader, Sequence[str]]:
    """The loader of the one project that all the files are of, and their names there. Raises UsageError."""
    if not files:
        raise UsageError("--watch needs the files of the graphs that are to be watched: trellis worker --watch GRAPH…")
    roots = {find_root(file): file for file in files}
    if len(roots) > 1:
        (root, file), (other, second), *_ = roots.items()
        raise UsageError(
            f"--watch is for graphs of one project: {file} is of {root}, {second} of {other}; start a worker for each"
        )
    loader = FileLoader(next(iter(roots)))
    return loader, [loader.name(file) for file in files]


def graphs_in(files: Sequence[str], allow: Collection[str]) -> list[Graph]:
    """The graphs in these files. Raises InvalidGraph, PermissionNeeded."""
    from trellis.project import load

    graphs = [load(file, tools=()) for file in files]
    for graph in graphs:
        for kind in kinds_needed(graph):
            if kind not in allow:
                raise PermissionNeeded(kind, _tools(graph, kind))
    return graphs


def _tools(graph: Graph, kind: str) -> list[str]:
    tools = graph.definition.tools
    return [name for name in dict.fromkeys(graph.tools_called) if name in tools and tools[name].kind == kind]


class Told:
    """Says what the worker does: words on stderr, or JSON on stdout, a line each.

    It never raises: what the host and its store do stands, said or not. Where stdout takes nothing more, `lost` says
    why, and the worker is to `stop`.
    """

    def __init__(self, stop: Callable[[], None], *, as_json: bool) -> None:
        self._stop, self._json = stop, as_json
        self.lost: OSError | None = None

    def __call__(self, kind: str, words: str, **facts: Any) -> None:
        if not self._json:
            tell(one_line(words))
            return
        import msgspec

        line = {"v": VERSION, "at": timestamp(SystemClock().now()), "type": kind, **facts}
        try:
            if self.lost is None:
                put_data(msgspec.json.encode(line) + b"\n")
        except OSError as error:
            self.lost = error
            self._stop()

    def reloaded(self, reloaded: Reloaded, files: FileLoader) -> None:
        """What a save came to: words in several lines, or one line of JSON."""
        line = {"type": "reload", **facts(reloaded, files)}
        if self._json:
            self("reload", "", **{name: fact for name, fact in line.items() if name != "type"})
            return
        for text in (Words(glyphs_for(sys.stderr.encoding)).say(line) or "").split("\n"):
            tell(one_line(text))


class Warnings(logging.Handler):
    """Hands on what the host warns of: a run that is put off, a store that cannot be asked."""

    def __init__(self, told: Told) -> None:
        super().__init__(logging.WARNING)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        match vars(record):
            case {"run": str() as run, "delay": float() as delay, "reason": str() as reason}:
                self._told(
                    "run.put_off", f"put off {run} for {delay:g} s: {reason}", run=run, delay=delay, reason=reason
                )
            case _:
                message = record.getMessage()
                self._told("warning", f"warning: {message}", message=message)


async def _serve(
    store: str | None,
    graphs: list[Graph],
    allow: Collection[str],
    at_once: int,
    watched: tuple[FileLoader, Sequence[str]] | None,
    on_change: OnChange,
    *,
    as_json: bool,
) -> int:
    root = root_here()
    names = sorted({graph.name for graph in graphs}) if graphs else None
    stop = asyncio.Event()
    told = Told(stop.set, as_json=as_json)
    warnings = Warnings(told)
    log = logging.getLogger("trellis")
    kept = open_kept(store, root)
    log.addHandler(warnings)
    before = on_stop(stop.set)
    try:
        loader, names_watched = watched if watched is not None else (None, ())
        reloaded = None if loader is None else partial(told.reloaded, files=loader)
        async with Host(Watched(kept, told), allow=allow, watch=loader, on_change=on_change, reloaded=reloaded) as host:
            if watched is not None:
                for name in names_watched:
                    await host.graph(name)
                # Each is open now, so that nothing comes between these and what follows: a save is taken up after it.
                graphs = [await host.graph(name) for name in names_watched]
                names = sorted({graph.name for graph in graphs})
            await host.serve(names, at_once=at_once, schedules=graphs)
            which = f"graphs {', '.join(names)}" if names is not None else "all graphs"
            place = shown(store, root)
            told(
                "worker.started",
                f"worker {os.getpid()} serves {which} of {place}",
                pid=os.getpid(),
                store=place,
                graphs=names,
            )
            await stop.wait()
            runs = len(host.running)
            told("worker.stopping", f"stopping; {counted(runs, 'run')} {'is' if runs == 1 else 'are'} freed", runs=runs)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        log.removeHandler(warnings)
        await kept.close()
    told("worker.stopped", "stopped")
    return 0 if told.lost is None else unread(told.lost)


def unread(error: OSError) -> int:
    """The exit code where stdout took nothing more."""
    discard_output()
    if isinstance(error, BrokenPipeError):
        return INTERRUPTED
    tell(f"error: cannot write the output: {error.strerror or error}")
    return UNWRITABLE


def on_stop(stop: Callable[[], None]) -> dict[int, Any]:
    """Let the first signal stop the worker, and the second end the process; what handled them before."""
    loop = asyncio.get_running_loop()
    asked = False

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            os._exit(INTERRUPTED)  # the journals have all that was recorded, and the owner's death frees its runs
        asked = True
        loop.call_soon_threadsafe(stop)

    before: dict[int, Any] = {}
    for number in STOPS:
        # Who starts us so that a closed terminal is no matter (nohup) means it.
        if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
            before[number] = signal.signal(number, handle)
    return before
