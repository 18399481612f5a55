"""What `trellis runs adopt` and `migrate` do: a run is asked to go on as another version, and says why it cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from trellis.cli import counted, tell
from trellis.cli.delivery import deliver, taken
from trellis.cli.finding import FAILED, Query, for_each, found, one_or_query
from trellis.cli.kept import with_store
from trellis.cli.output import put
from trellis.engine.versions import Verdict
from trellis.errors import RunClosed, TrellisError, UsageError
from trellis.hosts.commands import Adopt
from trellis.hosts.journal import existing
from trellis.hosts.operations import verdicts
from trellis.model.graph import Graph
from trellis.stores.base import RunRow, Store

STATUS = {"safe": "safe", "needs_map": "needs a map", "blocked": "blocked"}


def adopt(words: Sequence[str], query: Query, by: str, store: str | None, *, dry: bool, yes: bool) -> int:
    """Let runs adopt the graph of a file. Gives the exit code; raises TrellisError."""
    if len(words) > 2:
        raise UsageError(f"adopt takes a run and a file, found {len(words)} words: {', '.join(words)}")
    run, path = (words[0], words[1]) if len(words) == 2 else (None, words[0])
    one_or_query(run, query)
    _must_be_open(query)
    graph = _graph(path)

    async def work(kept: Store) -> int:
        async def act(name: str) -> str:
            row = await existing(kept, name)
            if row.status == "running" and row.graph == graph.hash:
                return f"{name} goes by {graph.hash[:12]} already"
            taken(await deliver(kept, name, order(graph, by)), name)
            return f"{name} adopted {graph.hash[:12]}"

        if run is not None:
            rows = [await existing(kept, run)]
        else:
            rows = await found(kept, query._replace(status="running", graph=query.graph or graph.name))
        names = [row.run for row in rows if run is not None or row.graph != graph.hash]
        if dry:
            return await _judge(kept, graph, rows)
        return await for_each(names, act, batch=run is None, dry=False, yes=yes)

    return with_store(store, work)


async def _judge(store: Store, graph: Graph, rows: Sequence[RunRow]) -> int:
    """Say a verdict for each of the runs that goes by another version. Gives the exit code; raises RunClosed."""
    ended = next((row for row in rows if row.status != "running"), None)
    if ended is not None:
        raise RunClosed(ended.run, ended.status)
    told = [_entry(row, verdict) for row, verdict in await verdicts(store, graph, rows)]
    for entry in told:
        put(_told(entry))
    tell(_summary(told, graph, dry=True))
    return FAILED if any(entry["verdict"] != "safe" for entry in told) else 0


def _entry(row: RunRow, verdict: Verdict) -> dict[str, Any]:
    return {"id": row.run, "hash": row.graph, "verdict": verdict.status, "reasons": list(verdict.reasons)}


def migrate(path: str, query: Query, by: str, store: str | None, *, dry: bool, as_json: bool) -> int:
    """Judge every open run of the graph, and let the safe ones adopt it. Gives the exit code; raises TrellisError."""
    _must_be_open(query)
    graph = _graph(path)
    if query.graph not in (None, graph.name):
        raise UsageError(f"{path} is the graph '{graph.name}'; runs of '{query.graph}' are none of it")

    async def work(kept: Store) -> list[dict[str, Any]]:
        judged = await verdicts(kept, graph)
        if query.given:
            wanted = await found(kept, query._replace(status="running", graph=graph.name))
            names = {row.run for row in wanted}
            judged = [(row, verdict) for row, verdict in judged if row.run in names]
        told: list[dict[str, Any]] = []
        for row, verdict in judged:
            entry = _entry(row, verdict)
            if not dry:
                entry["adopted"] = False
                if verdict.status == "safe":
                    try:
                        entry["adopted"] = taken(await deliver(kept, row.run, order(graph, by)), row.run)
                    except TrellisError as error:  # it has moved on since it was judged
                        entry["reasons"] = [str(error)]
            told.append(entry)
            if not as_json:
                put(_told(entry))
        return told

    told = with_store(store, work)
    if as_json:
        import msgspec

        put(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        tell(_summary(told, graph, dry=dry))
    short = "verdict" if dry else "adopted"
    return FAILED if any(entry[short] not in ("safe", True) for entry in told) else 0


def order(graph: Graph, by: str) -> Adopt:
    """What tells a run to go on with the graph."""
    return Adopt(graph.hash, graph.data.decode(), by)


def _must_be_open(query: Query) -> None:
    if query.status not in (None, "running"):
        raise UsageError("only open runs can adopt a version; leave --status out, or say --status running")


def _graph(path: str) -> Graph:
    from trellis.project import load

    return load(path, tools=())


def _told(entry: dict[str, Any]) -> str:
    head = STATUS[entry["verdict"]]
    if "adopted" in entry:
        head = (
            "adopted" if entry["adopted"] else f"not adopted, {head}" if entry["verdict"] != "safe" else "not adopted"
        )
    return "\n  ".join([f"{entry['id']}  {head}", *entry["reasons"]])


def _summary(told: list[dict[str, Any]], graph: Graph, *, dry: bool) -> str:
    version = f"'{graph.name}' {graph.hash[:12]}"
    if not told:
        return f"no open run of '{graph.name}' goes by another version than {graph.hash[:12]}"
    if dry:
        counts = Counter(entry["verdict"] for entry in told)
        needing = {"needs_map": "need a map"} if counts["needs_map"] > 1 else {}
        words = {**STATUS, **needing}
        parts = ", ".join(f"{counts[status]} {word}" for status, word in words.items() if counts[status])
        return f"{counted(len(told), 'open run')} and {version}: {parts}; nothing was done"
    done = sum(entry["adopted"] for entry in told)
    return f"{counted(done, 'run')} adopted {version}" + (f", {len(told) - done} not" if done < len(told) else "")
